//! A Marathon that only counts what it is asked, and the runtime of the tests' own client.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock};

use tokio::runtime::{Builder, Runtime};

/// Runs a future of the tests' own client, whose connections live as long as the runtime they were made in.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let build = || Builder::new_current_thread().enable_all().build().unwrap();
    RUNTIME.get_or_init(build).block_on(future)
}

/// Answers for one app; a restart makes a new version of it at once.
pub(crate) struct Marathon {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Marathon {
    /// The app's version before any restart.
    pub(crate) const FIRST: &str = "2026-11-21T00:00:00.000Z";

    pub(crate) fn start(app: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, path) = (Arc::clone(&requests), format!("/v2/apps{app}"));
        // Ends with the test program; it holds nothing that would outlive it.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, path) = (Arc::clone(&seen), path.clone());
                std::thread::spawn(move || serve(&stream, &path, &seen));
            }
        });
        Self { address, requests }
    }

    /// What was asked so far, as `GET /v2/apps/x`.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// How often a restart was.
    pub(crate) fn posts(&self) -> usize {
        posts(&self.requests.lock().unwrap())
    }
}

fn posts(requests: &[String]) -> usize {
    requests.iter().filter(|request| request.starts_with("POST ")).count()
}

fn serve(mut stream: &TcpStream, path: &str, seen: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_owned()),
            }
        }
        let request = head[0].trim_end_matches(" HTTP/1.1").to_owned();
        let version = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            format!("2026-11-21T00:00:00.{:03}Z", posts(&seen))
        };
        let known = [format!("GET {path}"), format!("POST {path}/restart")].contains(&request);
        let (status, body) = if !known {
            ("404 Not Found", r#"{"message":"no such app"}"#.to_owned())
        } else if request.starts_with("GET ") {
            let info =
                format!(r#"{{"lastScalingAt":"{version}","lastConfigChangeAt":"{version}"}}"#);
            let app = format!(
                r#"{{"id":"/x","version":"{version}","versionInfo":{info},"deployments":[]}}"#
            );
            ("200 OK", format!(r#"{{"app":{app}}}"#))
        } else {
            ("200 OK", format!(r#"{{"version":"{version}","deploymentId":"d"}}"#))
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}",
            body.len()
        );
        if write!(stream, "{head}\r\n\r\n{body}").is_err() {
            return;
        }
    }
}
