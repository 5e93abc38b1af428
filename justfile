# Everything CI runs; the same commands stand in .ci/run, which needs no just.
ci: fmt lint docs test

# How the code looks.
fmt:
    cargo fmt --check

# What clippy and the house rules say; see Cargo.toml and clippy.toml.
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# The documentation, with every link checked.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# All tests, with real Consul (both versions) and HAProxy, which are fetched when missing.
test:
    integration/test

# What the programs cost, beside their peers.
bench:
    cargo bench -p svc-wrapper --profile small
    cargo bench -p registrator
    cargo bench -p gotemplate

# The rendered files of ctemplate's golden tests, written anew.
golden:
    UPDATE_GOLDEN=1 cargo test -p ctemplate --test golden

# The platform on this machine; `just sandbox --check` walks through its story.
sandbox *args:
    cargo run --bin sandbox -- {{args}}

# Dependencies: licences, duplicates, sources (needs cargo-deny).
deny:
    cargo deny check bans licenses sources
