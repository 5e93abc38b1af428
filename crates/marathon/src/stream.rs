//! An open event stream.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::Response;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::error::{Error, Kind, without_query};
use crate::event::{Event, decode};
use crate::sse::Parser;

/// Old releases put whole groups into deployment events, so a frame may be large; beyond this it is passed over.
const MAX_FRAME: usize = 8 << 20;

/// Events as they come. Dropping it detaches.
#[derive(Debug)]
pub struct EventStream {
    url: Url,
    response: Response,
    parser: Parser,
    ready: VecDeque<Event>,
    silence: Duration,
    deadline: Instant,
}

impl EventStream {
    pub(crate) fn new(url: Url, response: Response, silence: Duration) -> Self {
        let deadline = Instant::now() + silence;
        Self {
            url,
            response,
            parser: Parser::new(MAX_FRAME),
            ready: VecDeque::new(),
            silence,
            deadline,
        }
    }

    /// Where it comes from: the leader, after a redirect.
    pub fn url(&self) -> String {
        without_query(&self.url)
    }

    /// The next event. Cancel safe: nothing is lost when the future is dropped, nor does the deadline start anew.
    ///
    /// # Errors
    /// The stream is over: closed, broken, or silent for too long.
    pub async fn next(&mut self) -> Result<Event, Error> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            match timeout_at(self.deadline, self.response.chunk()).await {
                Err(_elapsed) => return Err(self.error(Kind::Silence(self.silence))),
                Ok(Err(err)) => return Err(Error::transport(&self.url, &err, self.silence)),
                Ok(Ok(None)) => return Err(self.error(Kind::Closed)),
                Ok(Ok(Some(bytes))) => {
                    self.deadline = Instant::now() + self.silence;
                    self.ready.extend(self.parser.push(&bytes).iter().map(decode));
                }
            }
        }
    }

    fn error(&self, kind: Kind) -> Error {
        Error::new(&self.url, kind)
    }
}
