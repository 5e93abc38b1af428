//! The rows of the table.

/// What is in Consul, the options, and the variables that come of it over the inherited ones.
#[derive(Default)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Below the row's prefix; with `../` in front beside it.
    pub(crate) pairs: Vec<(&'static str, Vec<u8>)>,
    /// With `{}` for the row's own folder.
    pub(crate) options: &'static str,
    pub(crate) gives: Vec<(&'static str, Vec<u8>)>,
    /// Words of the log about what became no variable.
    pub(crate) skips: Vec<&'static str>,
}

impl Row {
    fn with(mut self, options: &'static str) -> Self {
        self.options = options;
        self
    }

    fn put(mut self, key: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.pairs.push((key, value.as_ref().to_vec()));
        self
    }

    fn gives(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.gives.push((name, value.as_ref().to_vec()));
        self
    }

    fn skips(mut self, words: &'static str) -> Self {
        self.skips.push(words);
        self
    }

    /// A key that becomes the variable of the same name.
    fn same(self, name: &'static str, value: impl AsRef<[u8]> + Copy) -> Self {
        self.put(name, value).gives(name, value)
    }
}

fn row(name: &'static str) -> Row {
    Row { name, ..Row::default() }
}

pub(crate) fn rows() -> Vec<Row> {
    [values(), names(), naming(), layers(), filters(), expansion(), references(), sizes()]
        .into_iter()
        .flatten()
        .collect()
}

fn values() -> Vec<Row> {
    vec![
        row("no key at all"),
        row("a plain value").same("A", "1"),
        row("spaces and quotes").same("A", "a b  'c' \"d\" \\"),
        row("what a shell would run").same("A", "$(touch /tmp/x);`id`;$HOME && exit"),
        row("several lines").same("A", "one\ntwo\n\n"),
        row("carriage returns and tabs").same("A", "\r\n\t\x07\x1b[0m"),
        row("an equals sign").same("A", "=b=c"),
        row("an empty value").same("A", ""),
        row("a value that is no UTF-8").same("A", b"\xff\xfe\xc3"),
        row("a value in UTF-8").same("A", "żółć 🦀"),
        row("every byte but NUL").same("A", &(1..=255).collect::<Vec<u8>>()),
        row("a NUL byte").put("A", "a\0b").same("B", "1").skips("a NUL byte in the value"),
        row("what looks like JSON").same("A", r#"{"a": 1}"#),
        row("what looks like a reference").same("A", "${HOME}"),
        row("over an inherited variable").same("BOTH", "inner"),
    ]
}

fn names() -> Vec<Row> {
    vec![
        row("names of the original script")
            .same("APP", "x")
            .same("CHILD_PID", "1")
            .same("CONSUL", ""),
        row("a PATH is for the child alone").same("PATH", "/nonexistent"),
        row("HOME and SHELL").same("HOME", "/x").same("SHELL", "/bin/false"),
        row("a lower case name").same("lower", "1"),
        row("an underscore").same("_", "1").same("_9", "1"),
        row("a hyphen and a dot").put("a-b", "x").put("a.b", "x").skips("a-b").skips("a.b"),
        row("a leading digit").put("1A", "x").skips("no name of a variable"),
        row("an equals sign in a key").put("A=B", "x").skips("A=B"),
        row("a space in a key").put("A B", "x").skips("A B"),
        row("a newline in a key").put("A\nB", "x").skips("no name of a variable"),
        row("a quote in a key").put("A'\"", "x").skips("no name of a variable"),
        row("a command in a key").put("$(id)", "x").skips("no name of a variable"),
        row("a key in UTF-8").put("ŻÓŁĆ", "x").skips("no name of a variable"),
        row("URL's own characters").put("A?B#C%41&D", "x").skips("A?B#C%41&D"),
        row("a key in a folder").put("db/URL", "x").skips("in a folder"),
        row("a folder").put("folder/", "").skips("a folder"),
        row("the prefix itself").put("", "x"),
        row("a neighbour").put("../app2/A", "x").put("../app", "x").same("B", "1"),
        row("the loader's names")
            .put("LD_PRELOAD", "x")
            .put("IFS", "x")
            .skips("LD_PRELOAD")
            .skips("IFS"),
        row("the scheduler's names")
            .put("MESOS_TASK_ID", "x")
            .put("MARATHON_APP_ID", "x")
            .put("PORT0", "x")
            .put("HOST", "x")
            .skips("a reserved name"),
        row("almost the scheduler's names").same("PORTAL", "1").same("HOSTNAME", "1"),
    ]
}

fn naming() -> Vec<Row> {
    vec![
        row("sanitised").with("--sanitize").put("a-b.c d", "1").gives("a_b_c_d", "1"),
        row("sanitised UTF-8").with("--sanitize").put("Aé", "1").gives("A_", "1"),
        row("sanitised digit").with("--sanitize").put("1A", "1").gives("_1A", "1"),
        row("sanitised equals sign").with("--sanitize").put("A=B", "1").gives("A_B", "1"),
        row("sanitised is not joined").with("--sanitize").put("a/b", "1").skips("in a folder"),
        row("in upper case").with("--upcase").put("db_url", "1").gives("DB_URL", "1"),
        row("joined").with("--nested join").put("db/main/url", "1").gives("db_main_url", "1"),
        row("joined folders stay folders").with("--nested join").put("db/", "").skips("a folder"),
        row("empty parts of a key").with("--nested join").put("a//b", "1").gives("a__b", "1"),
        row("prefixed").with("--name-prefix CFG_").put("A", "1").gives("CFG_A", "1"),
        row("prefixed digit").with("--name-prefix X").put("1", "1").gives("X1", "1"),
        row("prefixed out of a reserved name")
            .with("--name-prefix MY_")
            .put("ENV", "1")
            .gives("MY_ENV", "1"),
        row("prefixed into a reserved name")
            .with("--name-prefix MESOS_")
            .put("A", "1")
            .skips("reserved"),
        row("all together")
            .with("--nested join --sanitize --upcase --name-prefix app_")
            .put("db/main-url", "1")
            .gives("APP_DB_MAIN_URL", "1"),
        row("colliding keys: the last in the order of bytes")
            .with("--sanitize --nested join")
            .put("a_b", "4")
            .put("a/b", "3")
            .put("a.b", "2")
            .put("a-b", "1")
            .gives("a_b", "4")
            .skips("the same variable as"),
        row("colliding cases")
            .with("--upcase")
            .put("A", "1")
            .put("a", "2")
            .gives("A", "2")
            .skips("the same variable"),
    ]
}

fn layers() -> Vec<Row> {
    let two = "--prefix {}/base --prefix {}/app";
    vec![
        row("the later prefix wins")
            .with(two)
            .put("../base/A", "base")
            .put("../base/B", "base")
            .put("B", "app")
            .gives("A", "base")
            .gives("B", "app"),
        row("the other way round")
            .with("--prefix {}/app --prefix {}/base")
            .put("../base/B", "base")
            .put("B", "app")
            .gives("B", "base"),
        row("a bad key hides no good one")
            .with(two)
            .put("../base/A", "base")
            .put("A", "a\0b")
            .gives("A", "base")
            .skips("a NUL byte"),
        row("an empty value hides another")
            .with(two)
            .put("../base/A", "base")
            .put("A", "")
            .gives("A", ""),
        row("one prefix without keys").with(two).put("../base/A", "base").gives("A", "base"),
        row("pristine").with("--pristine").same("A", "1"),
        row("pristine without keys").with("--pristine"),
        row("pristine under an inherited name").with("--pristine").same("BOTH", "inner"),
    ]
}

fn filters() -> Vec<Row> {
    vec![
        row("allowed")
            .with("--allow DB_* --allow A")
            .same("A", "1")
            .same("DB_X", "1")
            .put("B", "1")
            .skips("not among"),
        row("denied")
            .with("--deny *_PASSWORD")
            .same("A", "1")
            .put("DB_PASSWORD", "1")
            .skips("not among"),
        row("denied wins")
            .with("--allow D* --deny D?")
            .same("DB_X", "1")
            .put("DB", "1")
            .skips("not among"),
        row("reserved, but named")
            .with("--allow-reserved PORT0")
            .same("PORT0", "1")
            .put("PORT1", "1")
            .skips("PORT1"),
        row("reserved, named by no glob")
            .with("--allow PORT*")
            .put("PORT0", "1")
            .skips("a reserved name"),
        row("names as they become").with("--upcase --allow AB").put("ab", "1").gives("AB", "1"),
    ]
}

fn expansion() -> Vec<Row> {
    let yaml = "host: db\nport: 5432\nssl:\n  on: yes\n  ca: ~\nnames: [a, 'b c']\n";
    vec![
        row("JSON")
            .with("--expand json")
            .put("DB", r#"{"host": "db", "n": 1.10, "b": true, "z": null, "o": {"k": ["x", {}]}}"#)
            .gives("DB_host", "db")
            .gives("DB_n", "1.10")
            .gives("DB_b", "true")
            .gives("DB_z", "")
            .gives("DB_o_k_0", "x")
            .gives("DB_o_k_1", "{}"),
        row("what is no JSON object")
            .with("--expand json")
            .same("A", "{a: 1}")
            .same("B", "[1]")
            .same("C", "{"),
        row("JSON with a bad name")
            .with("--expand json")
            .put("A", r#"{"a-b": 1, "c": 2}"#)
            .gives("A_c", "2")
            .skips("app/A:a-b"),
        row("JSON, sanitised and in upper case")
            .with("--expand json --sanitize --upcase")
            .put("A", r#"{"a-b": 1}"#)
            .gives("A_A_B", "1"),
        row("JSON with NUL")
            .with("--expand json")
            .put("A", r#"{"b": "\u0000"}"#)
            .skips("a NUL byte"),
        row("YAML")
            .with("--expand yaml")
            .put("DB", yaml)
            .gives("DB_host", "db")
            .gives("DB_port", "5432")
            .gives("DB_ssl_on", "yes")
            .gives("DB_ssl_ca", "")
            .gives("DB_names_0", "a")
            .gives("DB_names_1", "b c"),
        row("what is no YAML object")
            .with("--expand yaml")
            .same("A", "- 1")
            .same("U", "http://h:80/")
            .same("B", "a: [\n"),
        row("YAML that multiplies")
            .with("--expand yaml")
            .same("A", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"),
    ]
}

fn references() -> Vec<Row> {
    let on = "--expand-variables";
    vec![
        row("a reference")
            .with(on)
            .same("HOST_", "db")
            .put("URL", "x://${HOST_}/")
            .gives("URL", "x://db/"),
        row("a reference to what is inherited")
            .with(on)
            .put("A", "${INHERITED}${HOME}")
            .gives("A", "outer/root"),
        row("a reference to itself").with(on).put("BOTH", "x:${BOTH}").gives("BOTH", "x:outer"),
        row("no reference to what pristine hides")
            .with("--pristine --expand-variables")
            .put("A", "${BOTH}")
            .skips("BOTH"),
        row("an escaped reference")
            .with(on)
            .put("A", "$${HOME} $HOME ${a.b}")
            .gives("A", "${HOME} $HOME ${a.b}"),
        row("a reference to nothing")
            .with(on)
            .put("A", "${NOTHING}")
            .same("B", "1")
            .skips("it refers to NOTHING"),
        row("a circle")
            .with(on)
            .put("A", "${B}")
            .put("B", "${A}")
            .same("C", "1")
            .skips("in a circle"),
    ]
}

fn sizes() -> Vec<Row> {
    let longest = vec![b'x'; 131_065];
    let too_long = vec![b'x'; 131_066];
    vec![
        row("the longest value").put("LARGE", &longest).gives("LARGE", &longest),
        row("a byte longer").put("LARGE", too_long).same("A", "1").skips("too long"),
        row("512 KB").put("LARGE", vec![b'x'; 512 * 1024]).same("A", "1").skips("too long"),
    ]
}
