//! Which Marathon's wire format is spoken. Comparisons read as in `compat >= Compat::V1_4`.

use clap::ValueEnum;

/// The three formats that clients in the field were written for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Compat {
    /// Service ports in `ports`, no task state, events that name tasks.
    #[value(name = "0.13")]
    V0_13,
    /// Both port syntaxes, explicit nulls, events that name instances.
    #[value(name = "1.4")]
    V1_4,
    /// `networks`, absent options omitted, light deployment events.
    #[default]
    #[value(name = "1.11")]
    V1_11,
}

impl Compat {
    /// The release that `/v2/info` claims to be.
    pub fn release(self) -> &'static str {
        match self {
            Self::V0_13 => "0.13.1",
            Self::V1_4 => "1.4.14",
            Self::V1_11 => "1.11.24",
        }
    }

    /// Events and answers that tell of instances, which came with 1.4.
    pub fn has_instances(self) -> bool {
        self >= Self::V1_4
    }

    /// Absent options are left out (1.5 and later) instead of being null.
    pub fn omits_absent(self) -> bool {
        self >= Self::V1_11
    }
}
