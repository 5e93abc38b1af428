//! The configuration from Consul: once to start with, then whenever it may have changed.
//!
//! There is one question for each folder and each service, and one blocking query for each question. The answers to all of
//! them make a [`Reading`]; while one of them cannot be relied on, none is.

use std::sync::Arc;

use consul::{Client, Consistency, Cursor, Error, Query};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::config::Source;
use crate::env::{self, Found, Mapped};
use crate::local::Local;
use crate::reading::{Reading, judge, judge_error};
use crate::restart::Unusable;

mod keep;
mod patience;
mod poll;
mod question;
mod start;

pub use question::Question;
pub use start::Unavailable;

use keep::Keep;
use poll::Poll;

/// What is known of the answer to one question.
type Known = Result<Found, Unusable>;

/// Watches over the answers that a child was started with.
#[derive(Clone, Debug)]
pub struct Watch {
    consul: Client,
    local: Arc<Local>,
    topics: Vec<Topic>,
    keep: Keep,
}

/// A question, and where its answers stand.
#[derive(Clone, Debug)]
struct Topic {
    question: Question,
    /// Whether the child was started with any variable from there, without which an empty answer means nothing.
    configured: bool,
    /// The last answer, if it came from Consul, and not from the cache.
    known: Option<Arc<Found>>,
    cursor: Cursor,
}

impl Watch {
    /// Finds the configuration to start with, in the way that `source` says, and where to go on watching.
    ///
    /// # Errors
    ///
    /// When Consul stays away for longer than the start may take, and there is nothing else to start with.
    pub async fn start(
        consul: Client,
        source: &Source,
        local: Local,
    ) -> Result<(Self, Mapped), Unavailable> {
        let started = start::start(&consul, source, &local.rules).await?;
        let mapped = local.effective(&started.found);
        let mut keep = Keep::new(source.cache.clone());
        if started.reliable {
            keep.note(&started.found).await;
        }
        let topics = started.found.into_iter().zip(started.cursors).map(|(found, cursor)| Topic {
            question: Question::of(&found),
            configured: !source.allow_empty && env::gives_any(&local.rules, &found),
            known: started.reliable.then(|| Arc::new(found)),
            cursor,
        });
        let topics = topics.collect();
        Ok((Self { consul, local: Arc::new(local), topics, keep }, mapped))
    }

    /// Whether the child was started with any variable from Consul.
    pub fn is_configured(&self) -> bool {
        self.topics.iter().any(|topic| topic.configured)
    }

    /// The configuration as a quorum of Consul's servers has it now.
    pub async fn now(&self) -> Result<Reading, Error> {
        let query = Query::default().with_consistency(Consistency::Consistent);
        let mut all = Vec::new();
        for topic in &self.topics {
            match topic.question.ask(&self.consul, &query).await {
                Ok(answer) => all.push(judge(answer, &self.local.rules, topic.configured)),
                Err(error) => all.push(Err(judge_error(&error).ok_or(error)?)),
            }
        }
        Ok(self.read(all.into_iter().collect()))
    }

    /// Sends what every further answer says, until nobody listens.
    pub async fn follow(mut self, readings: mpsc::Sender<Reading>) {
        let mut known: Vec<Option<Known>> =
            self.topics.iter().map(|topic| Some(Ok(topic.known.as_deref()?.clone()))).collect();
        let (heard, mut news) = mpsc::channel(1);
        let mut polls = JoinSet::new();
        for (at, topic) in self.topics.iter().cloned().enumerate() {
            let (consul, local) = (self.consul.clone(), Arc::clone(&self.local));
            polls.spawn(Poll { at, topic, consul, local, heard: heard.clone() }.run());
        }
        loop {
            let (at, answer) = tokio::select! {
                Some(heard) = news.recv() => heard,
                () = readings.closed() => return,
            };
            if let Some(known) = known.get_mut(at) {
                *known = Some(answer);
            }
            // After a start without Consul, a part of the answers says nothing yet about the whole.
            let Some(all) = whole(&known) else { continue };
            if let Ok(found) = &all {
                self.keep.note(found).await;
            }
            if readings.send(self.read(all)).await.is_err() {
                return;
            }
        }
    }

    fn read(&self, all: Result<Vec<Found>, Unusable>) -> Reading {
        match all {
            Ok(found) => Reading::Usable(self.local.effective(&found)),
            Err(why) => Reading::Unusable(why),
        }
    }
}

/// All answers, or what is wrong with one of them; `None` while one that could be either is missing.
fn whole(known: &[Option<Known>]) -> Option<Result<Vec<Found>, Unusable>> {
    let wrong = known.iter().find_map(|known| known.as_ref()?.as_ref().err());
    wrong.map_or_else(|| known.iter().cloned().collect(), |why| Some(Err(*why)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answer_that_holds_holds_all() {
        let found = |name: &str| Question::Folder(name.to_owned()).nothing();
        let (one, two) = (Some(Ok(found("a/"))), Some(Ok(found("b/"))));
        let empty = Some(Err(Unusable::Empty));
        let both = Some(Ok(vec![found("a/"), found("b/")]));
        for (known, want) in [
            ([one.clone(), two], both),
            ([one.clone(), None], None),
            ([one, empty.clone()], Some(Err(Unusable::Empty))),
            ([None, empty], Some(Err(Unusable::Empty))),
            ([None, None], None),
        ] {
            assert_eq!(whole(&known), want);
        }
    }
}
