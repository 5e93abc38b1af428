//! Go's formatted printing: `print`, `println` and `printf` with their verbs, flags and inline error texts.

mod directive;
mod float;
mod scalar;
mod value;

use crate::{
    funcs::{push_int, push_uint},
    value::Value,
};

pub(crate) use self::directive::printf;

/// How one value is to be formatted.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of a directive, in any combination")]
pub(crate) struct Spec {
    width: Option<usize>,
    precision: Option<usize>,
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%+v`: with the names of fields.
    plus_v: bool,
    /// `%#v`: as an expression of Go.
    sharp_v: bool,
}

/// Formats values by verbs.
pub(crate) struct Printer<'o> {
    out: &'o mut String,
    spec: Spec,
    /// An error text is being written, in which no second one begins.
    in_error: bool,
}

impl<'o> Printer<'o> {
    pub(crate) fn new(out: &'o mut String) -> Self {
        Self { out, spec: Spec::default(), in_error: false }
    }

    /// Writes text, filled up to the width.
    fn pad(&mut self, text: &str) {
        let missing = self.missing(text.chars().count());
        if self.spec.minus {
            self.out.push_str(text);
            self.fill(missing);
        } else {
            self.fill(missing);
            self.out.push_str(text);
        }
    }

    /// How many characters are missing to the width.
    fn missing(&self, present: usize) -> usize {
        self.spec.width.unwrap_or(0).saturating_sub(present)
    }

    fn fill(&mut self, count: usize) {
        // Zeros go to the left only.
        let filler = if self.spec.zero && !self.spec.minus { '0' } else { ' ' };
        self.out.extend(std::iter::repeat_n(filler, count));
    }

    /// Pads with spaces whatever the flags say.
    fn pad_with_spaces(&mut self, text: &str) {
        let zero = std::mem::replace(&mut self.spec.zero, false);
        self.pad(text);
        self.spec.zero = zero;
    }
}

/// Go's `fmt.Sprintf`.
pub fn sprintf(format: &str, arguments: &[Value]) -> String {
    let mut text = String::new();
    printf(&mut text, format, arguments);
    text
}

/// Appends what an action prints.
pub(crate) fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::String(text) => out.push_str(text),
        Value::Int(_, int) => push_int(out, *int),
        Value::Uint(_, uint) => push_uint(out, *uint),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Missing => out.push_str("<no value>"),
        value => Printer::new(out).top(value),
    }
}

/// A value as a verb prints it.
pub(crate) fn to_text(value: &Value, verb: char) -> String {
    let mut text = String::new();
    Printer::new(&mut text).argument(value, verb);
    text
}

/// Appends the arguments, with a space between two of which neither is a string.
pub(crate) fn print(out: &mut String, arguments: &[Value]) {
    let mut after_other = false;
    for argument in arguments {
        let is_string = matches!(argument, Value::String(_));
        if after_other && !is_string {
            out.push(' ');
        }
        write_argument(out, argument);
        after_other = !is_string;
    }
}

/// The same for the escapers, which print values as actions do.
pub(crate) fn print_values(out: &mut String, arguments: &[Value]) {
    let mut after_other = false;
    for argument in arguments {
        let is_string = matches!(argument, Value::String(_) | Value::Missing | Value::Nil);
        if after_other && !is_string {
            out.push(' ');
        }
        match argument {
            Value::Nil => out.push_str("<no value>"),
            argument => write_value(out, argument),
        }
        after_other = !is_string;
    }
}

/// Appends the arguments with spaces between them and a newline at the end.
pub(crate) fn println(out: &mut String, arguments: &[Value]) {
    for (index, argument) in arguments.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        write_argument(out, argument);
    }
    out.push('\n');
}

fn write_argument(out: &mut String, argument: &Value) {
    match argument {
        Value::String(text) => out.push_str(text),
        Value::Int(_, int) => push_int(out, *int),
        argument => Printer::new(out).argument(argument, 'v'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The corpus has the outputs of real Go; these are its corners in one place.
    #[test]
    fn prints_by_verb_and_flag() {
        let int = Value::int;
        let rows: [(&str, &[Value], &str); 9] = [
            ("%5d|%-5d|%05d", &[int(42), int(42), int(42)], "   42|42   |00042"),
            ("%[2]v %[1]v", &[int(1), int(2)], "2 1"),
            ("%d", &["hi".into()], "%!d(string=hi)"),
            ("%s", &[Value::Nil], "%!s(<nil>)"),
            ("%d %d", &[int(1)], "1 %!d(MISSING)"),
            ("%d", &[int(1), "x".into()], "1%!(EXTRA string=x)"),
            ("%[5]d", &[int(1)], "%!d(BADINDEX)"),
            ("%", &[], "%!(NOVERB)"),
            ("%v %g %.2f", &[1e6.into(), 1e-5.into(), 2.675.into()], "1e+06 1e-05 2.67"),
        ];
        for (format, arguments, want) in rows {
            let mut text = String::new();
            printf(&mut text, format, arguments);
            assert_eq!(text, want, "{format}");
        }
    }
}
