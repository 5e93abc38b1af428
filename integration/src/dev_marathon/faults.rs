//! The faults a test can order.

use serde::{Deserialize, Serialize};

/// How `/v2/apps` and `/v2/tasks` are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answers {
    /// Truthfully.
    #[default]
    Normal,
    /// With an empty list.
    Empty,
    /// With the first half of the JSON.
    Truncated,
    /// With 503.
    Unavailable,
    /// With a redirect to the same address.
    RedirectLoop,
}

/// All switches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Faults {
    /// How lists are answered.
    pub answers: Answers,
    /// How long every answer of the API takes.
    pub delay_ms: u64,
    /// Every request gets 401.
    pub unauthorized: bool,
    /// Streams stay open and say nothing, not even that they are alive.
    pub freeze_streams: bool,
    /// How many of the next events are lost.
    pub lose_events: u32,
    /// How many of the next events are sent twice.
    pub duplicate_events: u32,
    /// How many of the next events wait for each other, and are then sent last first.
    pub reorder_events: u32,
    /// Answers have a byte that is no UTF-8 in place of each `GARBLED`.
    pub invalid_utf8: bool,
}

/// Switches to set; what is absent stays.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of `Faults`")]
pub struct Orders {
    pub answers: Option<Answers>,
    pub delay_ms: Option<u64>,
    pub unauthorized: Option<bool>,
    pub freeze_streams: Option<bool>,
    pub lose_events: Option<u32>,
    pub duplicate_events: Option<u32>,
    pub reorder_events: Option<u32>,
    pub invalid_utf8: Option<bool>,
}

impl Faults {
    /// Sets what is ordered.
    pub fn set(&mut self, orders: Orders) {
        self.answers = orders.answers.unwrap_or(self.answers);
        self.delay_ms = orders.delay_ms.unwrap_or(self.delay_ms);
        self.unauthorized = orders.unauthorized.unwrap_or(self.unauthorized);
        self.freeze_streams = orders.freeze_streams.unwrap_or(self.freeze_streams);
        self.lose_events = orders.lose_events.unwrap_or(self.lose_events);
        self.duplicate_events = orders.duplicate_events.unwrap_or(self.duplicate_events);
        self.reorder_events = orders.reorder_events.unwrap_or(self.reorder_events);
        self.invalid_utf8 = orders.invalid_utf8.unwrap_or(self.invalid_utf8);
    }

    /// Whether the next event waits for others; the last of them sends all.
    pub fn holds_next_event(&mut self) -> bool {
        let holds = self.reorder_events > 1;
        self.reorder_events = self.reorder_events.saturating_sub(1);
        holds
    }

    /// How often the next event is sent.
    pub fn copies_of_next_event(&mut self) -> usize {
        if self.freeze_streams {
            0
        } else if let Some(left) = self.lose_events.checked_sub(1) {
            self.lose_events = left;
            0
        } else if let Some(left) = self.duplicate_events.checked_sub(1) {
            self.duplicate_events = left;
            2
        } else {
            1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_lost_then_doubled_then_normal() {
        let mut faults = Faults { lose_events: 2, duplicate_events: 1, ..Faults::default() };
        let copies: Vec<usize> = (0..5).map(|_| faults.copies_of_next_event()).collect();
        assert_eq!(copies, [0, 0, 2, 1, 1]);
    }

    #[test]
    fn events_wait_for_the_last_of_them() {
        let mut faults = Faults { reorder_events: 3, ..Faults::default() };
        let held: Vec<bool> = (0..4).map(|_| faults.holds_next_event()).collect();
        assert_eq!(held, [true, true, false, false]);
    }

    #[test]
    fn orders_leave_the_rest() {
        let mut faults = Faults { delay_ms: 7, ..Faults::default() };
        faults.set(serde_json::from_str(r#"{"answers": "redirect-loop"}"#).unwrap());
        assert_eq!((faults.answers, faults.delay_ms), (Answers::RedirectLoop, 7));
        assert!(serde_json::from_str::<Orders>(r#"{"anwsers": "empty"}"#).is_err());
    }
}
