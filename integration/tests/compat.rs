//! The story of the README with the wire formats of older Marathons; `platform.rs` tells it with the newest.

#[cfg(test)]
mod tests {
    use integration::rig::platform::{Options, Platform};
    use integration::rig::process::Process;
    use integration::story;

    async fn story_with(compat: &str) {
        let options = Options { compat: compat.to_owned(), ..Options::installed().unwrap() };
        let platform = Platform::start(&options, |_| {}).await.unwrap();
        let mut told = Vec::new();
        let result = story::run(&platform, &mut |line| told.push(line.to_owned())).await;
        let logs: String = platform.registrators.iter().map(Process::log).collect();
        assert!(result.is_ok(), "{told:#?}\n{result:?}\n{logs}");
    }

    #[tokio::test]
    async fn the_story_happens_as_told_with_marathon_0_13() {
        story_with("0.13").await;
    }

    #[tokio::test]
    async fn the_story_happens_as_told_with_marathon_1_4() {
        story_with("1.4").await;
    }
}
