//! The clock.

use std::time::UNIX_EPOCH;

use gotemplate::{Error, Value};
use sprig::golayout::{RFC3339, Time, Zone};

use super::Parameter::Text;
use super::{Function, text_of, wrong};
use crate::render::session::Session;

/// The functions of this topic.
pub const FUNCTIONS: &[Function] = &[Function::new("timestamp", &[], timestamp).rest(Text)];

/// `timestamp [LAYOUT]`: the time in UTC, by a layout of Go's; `unix` is the seconds since 1970.
pub fn timestamp(session: &Session, arguments: &[Value]) -> Result<Value, Error> {
    let layout = match arguments {
        [] => RFC3339,
        [layout] => text_of(layout)?,
        more => {
            return Err(Error::new(format!(
                "timestamp: wrong number of arguments, expected 0 or 1, but got {}",
                more.len()
            )));
        }
    };
    let since = session.now().duration_since(UNIX_EPOCH).map_err(wrong)?;
    let seconds = i64::try_from(since.as_secs()).map_err(wrong)?;
    if layout == "unix" {
        return Ok(seconds.to_string().into());
    }
    Ok(Time::new(seconds, since.subsec_nanos(), Zone::Utc).format(layout).into())
}
