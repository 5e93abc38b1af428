//! Keys and values in a real Consul, options, and the variables that the child of the real program has.

use std::collections::BTreeMap;

use consul::txn::Operation;
use integration::rig::dev_agent::DevAgent;

use crate::fixture::{Wrapped, block_on, put};
use crate::rows::{Row, rows};

/// What every wrapper of the table inherits.
const INHERITED: [(&str, &str); 4] =
    [("INHERITED", "outer"), ("BOTH", "outer"), ("HOME", "/root"), ("MESOS_TASK_ID", "task.1")];

#[test]
fn keys_and_options_become_variables() {
    let consul = block_on(DevAgent::start()).unwrap();
    let rows = rows();
    assert!(rows.len() >= 60, "{}", rows.len());
    for (at, row) in rows.iter().enumerate() {
        // A folder of its own for each row, so that none sees what another left.
        check(&consul, row, &format!("t{at}"));
    }
}

fn check(consul: &DevAgent, row: &Row, root: &str) {
    write(consul, row, root);
    let mut arguments = vec!["--consul".to_owned(), consul.api()];
    if !row.options.contains("--prefix") {
        arguments.extend(["--prefix".to_owned(), format!("{root}/app")]);
    }
    arguments.extend(row.options.replace("{}", root).split_whitespace().map(str::to_owned));
    arguments.extend(["cat", "/proc/self/environ"].map(str::to_owned));
    let ended = Wrapped::start(&arguments, &INHERITED).ends();
    assert!(ended.status.success(), "{}: {}", row.name, ended.log);
    let got = variables(&ended.output);
    let names = |all: &BTreeMap<Vec<u8>, Vec<u8>>| {
        all.keys().map(|name| String::from_utf8_lossy(name).into_owned()).collect::<Vec<_>>()
    };
    let want = wanted(row);
    assert_eq!(names(&got), names(&want), "{}: {}", row.name, ended.log);
    for (name, value) in &want {
        // The values of some rows are too long to be printed.
        let (name, same) = (String::from_utf8_lossy(name), got.get(name) == Some(value));
        assert!(same, "{}: {name} differs, wanted {} bytes", row.name, value.len());
    }
    for words in &row.skips {
        assert!(ended.log.contains(words), "{}: no '{words}' in {}", row.name, ended.log);
    }
    assert_eq!(ended.log.contains("become no variable"), !row.skips.is_empty(), "{}", row.name);
}

fn write(consul: &DevAgent, row: &Row, root: &str) {
    /// What all values of a transaction may come to, with room for how they travel.
    const TRANSACTION: usize = 256 * 1024;
    let pairs = row.pairs.iter().map(|(key, value)| match key.strip_prefix("../") {
        Some(beside) => (format!("{root}/{beside}"), value.clone()),
        None => (format!("{root}/app/{key}"), value.clone()),
    });
    let size: usize = row.pairs.iter().map(|(_, value)| value.len()).sum();
    if size > TRANSACTION {
        pairs.for_each(|(key, value)| put(consul.client(), &key, value));
        return;
    }
    // A URL could not hold all keys: Consul refuses control characters there.
    let writes: Vec<_> = pairs.map(|(key, value)| Operation::Set { key, value }).collect();
    assert!(writes.is_empty() || block_on(consul.client().txn(&writes)).unwrap(), "{}", row.name);
}

fn wanted(row: &Row) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let pristine = row.options.contains("--pristine");
    let path = ("PATH", "/usr/bin:/bin");
    let inherited = INHERITED.into_iter().chain([path]);
    let kept = inherited.filter(|(name, _)| !(pristine && matches!(*name, "INHERITED" | "BOTH")));
    let kept = kept.map(|(name, value)| (name.into(), value.into()));
    let given = row.gives.iter().map(|(name, value)| ((*name).into(), value.clone()));
    kept.chain(given).collect()
}

fn variables(environ: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let variables = environ.split(|byte| *byte == 0).filter(|variable| !variable.is_empty());
    let pair = |variable: &[u8]| {
        let at = variable.iter().position(|byte| *byte == b'=').unwrap();
        (variable[..at].to_vec(), variable[at + 1..].to_vec())
    };
    variables.map(pair).collect()
}
