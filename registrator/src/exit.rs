//! How the program ends, so that a script can tell what is wrong from what is merely down.

use std::fmt;

use daemon::exit::Exit;

/// What kept the program from doing its job once.
#[derive(Debug)]
pub enum Obstacle {
    /// Marathon.
    Marathon(marathon::Error),
    /// Consul.
    Consul(consul::Error),
}

impl Obstacle {
    /// The code that says so.
    pub fn exit(&self) -> Exit {
        let (status, is_unreadable) = match self {
            Self::Marathon(err) => (err.status(), matches!(err.kind, marathon::Kind::Decode(_))),
            Self::Consul(err) => (err.status(), matches!(err.kind, consul::Kind::Decode(_))),
        };
        exit_of(status, is_unreadable)
    }
}

const fn exit_of(status: Option<u16>, is_unreadable: bool) -> Exit {
    match status {
        _ if is_unreadable => Exit::Protocol,
        Some(401 | 403) => Exit::Denied,
        _ => Exit::Unavailable,
    }
}

impl From<marathon::Error> for Obstacle {
    fn from(err: marathon::Error) -> Self {
        Self::Marathon(err)
    }
}

impl From<consul::Error> for Obstacle {
    fn from(err: consul::Error) -> Self {
        Self::Consul(err)
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Marathon(err) => write!(f, "{err}"),
            Self::Consul(err) => write!(f, "{err}"),
        }
    }
}

// No source: Display already says all of it.
impl std::error::Error for Obstacle {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_and_what_is_down() {
        let marathon = |kind| Obstacle::Marathon(marathon::Error { url: String::new(), kind });
        let refused = |status| marathon::Kind::Status {
            status,
            message: String::new(),
            deployments: Vec::new(),
        };
        let rows = [
            (marathon(marathon::Kind::Connect("refused".into())), Exit::Unavailable),
            (marathon(marathon::Kind::RedirectLoop(5)), Exit::Unavailable),
            (marathon(marathon::Kind::Decode("eof".into())), Exit::Protocol),
            (marathon(refused(503)), Exit::Unavailable),
            (marathon(refused(401)), Exit::Denied),
        ];
        for (obstacle, want) in rows {
            assert_eq!(obstacle.exit(), want, "{obstacle:?}");
        }
        assert_eq!(exit_of(Some(500), false), Exit::Unavailable);
        assert_eq!(exit_of(Some(403), false), Exit::Denied);
    }
}
