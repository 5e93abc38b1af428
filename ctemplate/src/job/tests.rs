use super::*;
use crate::data::Data;
use crate::dependency::KeyPath;
use crate::render::Source;

#[tokio::test]
async fn data_that_are_awaited_together_are_rendered_together() {
    let text = r#"{{key "a"}}{{key "b"}}{{if keyExists "c"}}{{key "d"}}{{end}}"#;
    let source = Source { text: text.to_owned(), ..Source::default() };
    let settings = settings::Template::new(settings::Source::Contents(text.to_owned()));
    let template = Template::parse(source).unwrap();
    let start = Instant::now();
    let mut job = Job::new(settings, template, Commands::default(), Wait::default(), start);
    let mut store = Store::default();
    let key = |name: &str| Dependency::Key(KeyPath::parse("kv.get", name).unwrap());
    let answer = |job: &mut Job, store: &mut Store, name: &str, value: Option<&str>| {
        store.insert(key(name), Data::Key(value.map(str::to_owned)));
        job.changed(&key(name), start);
        job.due().map(|due| due.saturating_duration_since(start))
    };
    job.advance(&store, Output::Write, start).await.unwrap();
    assert_eq!(answer(&mut job, &mut store, "a", Some("1")), Some(GATHERING));
    assert_eq!(answer(&mut job, &mut store, "b", None), Some(GATHERING));
    // What is awaited no longer, but has changed, may be what the others depend on.
    assert_eq!(answer(&mut job, &mut store, "a", Some("2")), Some(Duration::ZERO));
    job.advance(&store, Output::Write, start).await.unwrap();
    assert_eq!(*job.stage(), Stage::Waiting(BTreeSet::from([key("b"), key("c")])));
    assert_eq!(answer(&mut job, &mut store, "c", Some("")), Some(Duration::ZERO));
    job.advance(&store, Output::Write, start).await.unwrap();
    // A key that does not exist has an answer, which is not what the template waits for.
    assert_eq!(*job.stage(), Stage::Waiting(BTreeSet::from([key("b"), key("d")])));
    assert_eq!(answer(&mut job, &mut store, "d", None), Some(Duration::ZERO));
}
