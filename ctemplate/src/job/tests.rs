use super::*;
use crate::data::Data;
use crate::dependency::KeyPath;
use crate::render::Source;

fn job(text: &str, start: Instant) -> Job {
    let source = Source { text: text.to_owned(), ..Source::default() };
    let settings = settings::Template::new(settings::Source::Contents(text.to_owned()));
    let template = Template::parse(source).unwrap();
    Job::new(settings, template, Commands::default(), Wait::default(), start)
}

fn key(name: &str) -> Dependency {
    Dependency::Key(KeyPath::parse("kv.get", name).unwrap())
}

#[tokio::test]
async fn data_that_are_awaited_together_are_rendered_together() {
    let start = Instant::now();
    let mut job =
        job(r#"{{key "a"}}{{key "b"}}{{key "e"}}{{if keyExists "c"}}{{key "d"}}{{end}}"#, start);
    let mut store = Store::default();
    let answer = |job: &mut Job, store: &mut Store, name: &str, value: Option<&str>, at| {
        let now = start + Duration::from_millis(at);
        store.insert(key(name), Data::Key(value.map(str::to_owned)));
        job.changed(&key(name), now);
        job.due().map(|due| due.saturating_duration_since(now).as_millis())
    };
    job.advance(&store, Output::Write, start).await.unwrap();
    assert_eq!(answer(&mut job, &mut store, "a", Some("1"), 0), Some(100));
    assert_eq!(answer(&mut job, &mut store, "e", Some("5"), 60), Some(100));
    assert_eq!(answer(&mut job, &mut store, "b", None, 120), Some(100));
    // What is awaited no longer, but has changed, may be what the others depend on.
    assert_eq!(answer(&mut job, &mut store, "a", Some("2"), 130), Some(0));
    let now = start + Duration::from_millis(130);
    job.advance(&store, Output::Write, now).await.unwrap();
    assert_eq!(*job.stage(), Stage::Waiting(BTreeSet::from([key("b"), key("c")])));
    assert_eq!(answer(&mut job, &mut store, "c", Some(""), 140), Some(0));
    let now = start + Duration::from_millis(140);
    job.advance(&store, Output::Write, now).await.unwrap();
    // A key that does not exist has an answer, which is not what the template waits for.
    assert_eq!(*job.stage(), Stage::Waiting(BTreeSet::from([key("b"), key("d")])));
    assert_eq!(answer(&mut job, &mut store, "d", None, 150), Some(0));
}

#[tokio::test]
async fn answers_that_keep_coming_lead_to_few_renderings() {
    let start = Instant::now();
    let mut job = job(r#"{{range loop 100}}{{key (print "k" .)}}{{end}}{{key "late"}}"#, start);
    let mut store = Store::default();
    for number in 0..=100 {
        let now = start + Duration::from_millis(50) * number;
        job.advance(&store, Output::Write, now).await.unwrap();
        let name = key(&format!("k{number}"));
        store.insert(name.clone(), Data::Key(Some("x".to_owned())));
        job.changed(&name, now);
    }
    // Five seconds have passed. One rendering came in each of them, after the first.
    let renders = job.progress().renders;
    assert!((2..=6).contains(&renders), "{renders}");
}
