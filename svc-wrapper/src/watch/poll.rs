//! One question, asked again and again by blocking queries.

use std::sync::Arc;
use std::time::Duration;

use consul::{Client, Cursor, Query};
use tokio::sync::mpsc;

use super::patience::Patience;
use super::{Known, Topic};
use crate::local::Local;
use crate::reading::{judge, judge_error};

/// How long Consul holds a query while nothing changes. HAProxy in between must allow for it.
const WAIT: Duration = Duration::from_mins(1);

/// One question of several.
pub(super) struct Poll {
    pub(super) at: usize,
    pub(super) topic: Topic,
    pub(super) consul: Client,
    pub(super) local: Arc<Local>,
    pub(super) heard: mpsc::Sender<(usize, Known)>,
}

impl Poll {
    /// Sends what every further answer says, until nobody listens.
    pub(super) async fn run(self) {
        let Topic { question, configured, mut cursor, .. } = self.topic;
        let mut patience = Patience::new();
        loop {
            let asked = question.ask(&self.consul, &Query::blocking(cursor, WAIT)).await;
            let (known, failure) = match asked {
                Ok(answer) => {
                    cursor.advance(answer.index);
                    (Some(judge(answer, &self.local.rules, configured)), None)
                }
                Err(error) => (judge_error(&error).map(Err), Some(error)),
            };
            // What cannot be used may come at once, again and again, so it waits its turn like an error.
            let usable = matches!(known, Some(Ok(_)));
            if let Some(known) = known
                && self.heard.send((self.at, known)).await.is_err()
            {
                return;
            }
            match failure {
                None if usable => patience.works(),
                None => patience.pauses().await,
                Some(error) => {
                    // What comes back may be a rebuilt cluster, whose lower index a blocking query would sit out.
                    cursor = Cursor::default();
                    patience.fails(&error).await;
                }
            }
        }
    }
}
