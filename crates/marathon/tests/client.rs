//! The client against servers that say what a table tells them to.

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use marathon::{Client, Config, Credentials, Error, Event, Kind};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    const NO_APPS: &str = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"apps\":[]}";
    const UNAVAILABLE: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream;charset=utf-8\r\nConnection: close\r\n\r\n";

    /// Answers every connection with one answer, and keeps the heads of the requests.
    struct Server {
        address: String,
        heads: Arc<Mutex<Vec<String>>>,
    }

    impl Server {
        async fn start(answer: impl Into<String>) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            Self::serve(listener, answer.into())
        }

        fn serve(listener: TcpListener, answer: String) -> Self {
            let address = listener.local_addr().unwrap().to_string();
            let heads = Arc::new(Mutex::new(Vec::new()));
            let kept = Arc::clone(&heads);
            tokio::spawn(async move {
                let mut open = Vec::new();
                while let Ok((mut socket, _)) = listener.accept().await {
                    let head = head(&mut socket).await;
                    kept.lock().unwrap().push(head);
                    socket.write_all(answer.as_bytes()).await.unwrap();
                    // A stream stays open; anything else has a length.
                    if answer.starts_with(STREAM) {
                        open.push(socket);
                    }
                }
            });
            Self { address, heads }
        }

        fn heads(&self) -> Vec<String> {
            self.heads.lock().unwrap().clone()
        }
    }

    async fn head(socket: &mut TcpStream) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if socket.read(&mut byte).await.unwrap() == 0 {
                break;
            }
            head.push(byte[0]);
        }
        String::from_utf8(head).unwrap()
    }

    fn client(endpoints: &str) -> Client {
        let credentials: Credentials = "ann:secret".parse().unwrap();
        let endpoints = endpoints.parse::<marathon::Endpoints>().unwrap();
        let mut config = Config::new(endpoints.with_credentials(Some(&credentials)));
        config.stream_silence = Duration::from_millis(200);
        Client::new(config).unwrap()
    }

    fn found(location: &str) -> String {
        format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
    }

    /// An address nobody listens on.
    async fn nobody() -> String {
        TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string()
    }

    #[tokio::test]
    async fn reads_move_on_to_an_endpoint_that_answers_and_stay_there() {
        let (dead, ill, good) =
            (nobody().await, Server::start(UNAVAILABLE).await, Server::start(NO_APPS).await);
        let client = client(&format!("{dead},{},{}", ill.address, good.address));
        for _ in 0..2 {
            client.apps_with_tasks().await.unwrap();
        }
        assert_eq!((ill.heads().len(), good.heads().len()), (1, 2));
    }

    #[tokio::test]
    async fn a_write_is_repeated_only_when_it_was_certainly_not_delivered() {
        let submitted = "HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n{\"version\":\"v\",\"deploymentId\":\"d12\"}";
        let (dead, ill, good) =
            (nobody().await, Server::start(UNAVAILABLE).await, Server::start(submitted).await);
        let restarted = client(&format!("{dead},{}", good.address)).restart(&"/a".into()).await;
        assert_eq!(restarted.unwrap().deployment_id, "d12");
        assert!(good.heads()[0].starts_with("POST /v2/apps/a/restart HTTP/1.1\r\n"));
        let refused =
            client(&format!("{},{}", ill.address, good.address)).restart(&"/a".into()).await;
        assert!(refused.unwrap_err().may_have_been_delivered());
        assert_eq!(good.heads().len(), 1);
    }

    #[tokio::test]
    async fn the_leader_is_followed_with_credentials() {
        let leader = Server::start(NO_APPS).await;
        let standby = Server::start(found(&format!("http://{}/v2/apps", leader.address))).await;
        client(&standby.address).apps_with_tasks().await.unwrap();
        assert!(
            leader.heads()[0].contains("authorization: Basic YW5uOnNlY3JldA=="),
            "{:?}",
            leader.heads()
        );
    }

    #[tokio::test]
    async fn a_redirect_loop_is_an_error() {
        let server = Server::start(found("/v2/apps")).await;
        let err = client(&server.address).apps_with_tasks().await.unwrap_err();
        assert!(matches!(err.kind, Kind::RedirectLoop(5)), "{err}");
        assert!(!err.to_string().contains("secret"));
    }

    #[tokio::test]
    async fn nonsense_is_an_error_and_never_an_empty_list() {
        for body in ["", "{}", "{\"apps\":[{\"id\"", "<html>", "{\"apps\":null}"] {
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let server = Server::start(answer).await;
            let err = client(&server.address).apps_with_tasks().await.unwrap_err();
            assert!(matches!(err.kind, Kind::Decode(_)), "{body}: {err}");
        }
        let cut = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"apps\":[]}";
        let server = Server::start(cut).await;
        let result: Result<_, Error> = client(&server.address).apps_with_tasks().await;
        assert!(matches!(result.unwrap_err().kind, Kind::Transport(_)));
    }

    #[tokio::test]
    async fn a_marathon_without_pods_says_404_or_405_and_anything_else_is_an_answer_or_an_error() {
        let answer = |status: &str, body: &str| {
            format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        };
        for old in ["404 Not Found", "405 Method Not Allowed"] {
            let server = Server::start(answer(old, "<html>")).await;
            assert_eq!(client(&server.address).pods_as(|pod| pod).await.unwrap(), None, "{old}");
            assert!(server.heads()[0].starts_with("GET /v2/pods/::status HTTP/1.1\r\n"));
        }
        for broken in [UNAVAILABLE.to_owned(), answer("200 OK", "{}"), answer("200 OK", "[{")] {
            let server = Server::start(broken.clone()).await;
            assert!(client(&server.address).pods_as(|pod| pod).await.is_err(), "{broken}");
        }
        let pods = r#"[{"id":"/a","spec":{"containers":[{"name":"c"}]},"instances":null},{"id":"/b","spec":7}]"#;
        let server = Server::start(answer("200 OK", pods)).await;
        let pods = client(&server.address).pods_as(|pod| pod.id).await.unwrap().unwrap();
        assert_eq!(pods.apps, ["/a".into()]);
        assert_eq!(pods.malformed[0].id, Some("/b".into()));
        let pod = r#"{"id":"/g/a","spec":{"containers":[]}}"#;
        let server = Server::start(answer("200 OK", pod)).await;
        let pod = client(&server.address).pod(&"/g/a".into()).await.unwrap();
        assert_eq!((pod.id, pod.containers), ("/g/a".into(), Vec::new()));
        assert!(server.heads()[0].starts_with("GET /v2/pods/g/a::status HTTP/1.1\r\n"));
    }

    #[tokio::test]
    async fn a_stream_tells_events_and_its_silence_is_an_error() {
        let frame = "data: {\"eventType\":\"app_terminated_event\",\"appId\":\"/a\"}\r\n\r\n";
        let server = Server::start(format!("{STREAM}{frame}")).await;
        let mut stream = client(&server.address).events(&["app_terminated_event"]).await.unwrap();
        assert_eq!(stream.next().await.unwrap(), Event::AppTerminated { app: "/a".into() });
        assert!(matches!(stream.next().await.unwrap_err().kind, Kind::Silence(_)));
        let head = &server.heads()[0];
        assert!(head.starts_with("GET /v2/events?event_type=app_terminated_event&"), "{head}");
        assert!(head.contains("accept: text/event-stream\r\n"), "{head}");
    }
}
