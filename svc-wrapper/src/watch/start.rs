//! The answers to start with: Consul's, or what the start does when it stays away.

use std::time::Duration;

use consul::{Client, Cursor, Query};
use thiserror::Error;
use tokio::time::timeout;

use super::Question;
use super::patience::Patience;
use crate::cache;
use crate::config::{Otherwise, Source, Start};
use crate::env::{self, Found, Rules};
use crate::reading::judge;
use crate::restart::Unusable;

/// There is nothing to start with.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// Consul stayed away.
    #[error("Consul gave no configuration within {after:?}: {why}")]
    Consul {
        /// How long it was waited for.
        after: Duration,
        /// What went wrong last.
        why: String,
    },
    /// Consul stayed away, and the cache is of no use.
    #[error(
        "Consul gave no configuration within {after:?}: {why}; and the cache cannot be used: {cache}"
    )]
    Cache {
        /// How long it was waited for.
        after: Duration,
        /// What went wrong last.
        why: String,
        /// What is wrong with the cache.
        cache: cache::Error,
    },
}

/// What there is to start with.
pub(super) struct Started {
    pub(super) found: Vec<Found>,
    pub(super) cursors: Vec<Cursor>,
    /// Whether Consul said it, and hid nothing.
    pub(super) reliable: bool,
}

/// Asks everything once.
struct Attempt<'a> {
    consul: &'a Client,
    rules: &'a Rules,
    questions: &'a [Question],
    /// What the cache holds. Better answers than those that hide a part of it are worth waiting for.
    cached: Option<&'a [Found]>,
    /// What went wrong last.
    why: String,
}

pub(super) async fn start(
    consul: &Client,
    source: &Source,
    rules: &Rules,
) -> Result<Started, Unavailable> {
    let questions = Question::all(source);
    let (after, otherwise) = match &source.start {
        Start::Wait => {
            return Ok(Attempt::new(consul, rules, &questions, None).repeat().await);
        }
        Start::Within(after, otherwise) => (*after, otherwise),
    };
    let cache = match otherwise {
        Otherwise::Cache(path) => Some(cache::read(path, &questions)),
        Otherwise::Run | Otherwise::Exit => None,
    };
    let cached = cache.as_ref().and_then(|cache| cache.as_deref().ok());
    let mut attempt =
        Attempt::new(consul, rules, &questions, cached.filter(|_| !source.allow_empty));
    if let Ok(started) = timeout(after, attempt.repeat()).await {
        return Ok(started);
    }
    let why = attempt.why;
    match (otherwise, cache) {
        (_, Some(Ok(found))) => {
            tracing::warn!(why, "Consul stays away, starting with what the cache holds");
            Ok(Started::without_consul(found))
        }
        (_, Some(Err(cache))) => Err(Unavailable::Cache { after, why, cache }),
        (Otherwise::Run, None) => {
            tracing::warn!(why, "Consul stays away, starting without configuration from it");
            Ok(Started::without_consul(questions.into_iter().map(Question::nothing).collect()))
        }
        (Otherwise::Exit | Otherwise::Cache(_), None) => Err(Unavailable::Consul { after, why }),
    }
}

impl Started {
    fn without_consul(found: Vec<Found>) -> Self {
        let cursors = vec![Cursor::default(); found.len()];
        Self { found, cursors, reliable: false }
    }
}

impl<'a> Attempt<'a> {
    fn new(
        consul: &'a Client,
        rules: &'a Rules,
        questions: &'a [Question],
        cached: Option<&'a [Found]>,
    ) -> Self {
        Self { consul, rules, questions, cached, why: "no answer yet".to_owned() }
    }

    /// Asks until there is something to start with.
    async fn repeat(&mut self) -> Started {
        let mut patience = Patience::new();
        loop {
            match self.once().await {
                Ok(started) => {
                    patience.works();
                    return started;
                }
                Err(why) => {
                    self.why.clone_from(&why);
                    patience.fails(&why).await;
                }
            }
        }
    }

    /// Unlike later, a filtered answer counts when there is no better one to hold on to.
    async fn once(&self) -> Result<Started, String> {
        let (mut found, mut cursors) = (Vec::new(), Vec::new());
        let mut filtered = false;
        for (at, question) in self.questions.iter().enumerate() {
            let answer = question.ask(self.consul, &Query::default()).await;
            let mut answer = answer.map_err(|error| error.to_string())?;
            if self.cached.is_none() {
                filtered |= std::mem::take(&mut answer.filtered_by_acls);
            }
            let mut cursor = Cursor::default();
            cursor.advance(answer.index);
            cursors.push(cursor);
            let known = self.cached.and_then(|cached| cached.get(at));
            let configured = known.is_some_and(|known| env::gives_any(self.rules, known));
            found.push(judge(answer, self.rules, configured).map_err(|why| words(why).to_owned())?);
        }
        if filtered {
            tracing::warn!("Consul's ACL hides a part of the configuration");
        }
        Ok(Started { found, cursors, reliable: !filtered })
    }
}

const fn words(why: Unusable) -> &'static str {
    match why {
        Unusable::Empty => "all that the cache holds is gone, or hidden by ACLs",
        Unusable::Filtered => "ACLs hide a part of the configuration",
        Unusable::Undecodable => "an answer that cannot be read",
        Unusable::Unreliable => "an answer without index or leader",
    }
}
