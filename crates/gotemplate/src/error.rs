//! What can go wrong, worded and placed as Go does it.

use std::{error, fmt};

/// Where in a template something went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// While parsing: Go names the line only.
    Parse {
        /// The name given to the text.
        name: String,
        /// The line, from 1.
        line: usize,
    },
    /// While executing.
    Execute {
        /// The name given to the text.
        name: String,
        /// The line, from 1.
        line: usize,
        /// The byte in the line, from 0, as Go counts.
        column: usize,
        /// The template that was executed: that of the nearest `define`, or the whole text.
        template: String,
        /// The part of the template, printed from its tree.
        context: String,
    },
    /// Outside any text: an unknown template was asked for.
    Template,
}

/// An error of a function, of a parse or of an execution.
///
/// Functions make one with [`Error::new`] and say only what is wrong; the engine adds the place.
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    place: Option<Place>,
    message: String,
    /// Set by [`Error::stop`]; see there.
    stop: bool,
}

impl Error {
    /// An error without a place, for functions of the host.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Inner { place: None, message: message.into(), stop: false }))
    }

    /// An error that leaves the execution as it is: the engine adds neither place nor `error calling …`.
    ///
    /// For conditions that are no fault of the template, like a cancelled render.
    pub fn stop(message: impl Into<String>) -> Self {
        Self(Box::new(Inner { place: None, message: message.into(), stop: true }))
    }

    pub(crate) fn placed(place: Place, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { place: Some(place), message: message.into(), stop: false }))
    }

    /// Where it happened, when it came out of a parse or an execution.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// What happened, without the place.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether it was made by [`Error::stop`].
    pub fn is_stop(&self) -> bool {
        self.0.stop
    }
}

impl From<String> for Error {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl From<&str> for Error {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = &self.0.message;
        match &self.0.place {
            None => f.write_str(message),
            Some(Place::Template) => write!(f, "template: {message}"),
            Some(Place::Parse { name, line }) => write!(f, "template: {name}:{line}: {message}"),
            Some(Place::Execute { name, line, column, template, context }) => {
                let template = crate::quote::quote(template);
                write!(
                    f,
                    "template: {name}:{line}:{column}: executing {template} at <{context}>: {message}"
                )
            }
        }
    }
}

impl error::Error for Error {}
