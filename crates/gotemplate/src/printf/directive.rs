//! The format of `printf`: what stands between `%` and the verb.

use super::{Printer, Spec};
use crate::{funcs::push_int, quote::write_infallible, value::Value};

/// Widths and precisions beyond this count as absent.
const MAX: usize = 1_000_000;

/// Appends the arguments as the format says.
pub(crate) fn printf(out: &mut String, format: &str, arguments: &[Value]) {
    let mut formatter = Formatter {
        printer: Printer::new(out),
        format,
        arguments,
        next: 0,
        reordered: false,
        good_index: true,
        after_index: false,
    };
    formatter.run();
}

struct Formatter<'f, 'o> {
    printer: Printer<'o>,
    /// What is left of it.
    format: &'f str,
    arguments: &'f [Value],
    /// The argument that comes next.
    next: usize,
    /// Whether an explicit index was used anywhere; extra arguments are not reported then.
    reordered: bool,
    /// Whether the indexes of this directive are fine.
    good_index: bool,
    /// Whether an index has just been read.
    after_index: bool,
}

impl Formatter<'_, '_> {
    fn run(&mut self) {
        // Formats are short: looking at each byte is faster than a search that is made for long texts.
        while let Some(length) = self.format.bytes().position(|byte| byte == b'%') {
            let (text, rest) = self.format.split_at(length);
            self.printer.out.push_str(text);
            self.format = rest.get(1..).unwrap_or_default();
            if self.simple() {
                continue;
            }
            self.printer.spec = Spec::default();
            self.good_index = true;
            self.after_index = false;
            self.directive();
        }
        self.printer.out.push_str(self.format);
        if !self.reordered && self.next < self.arguments.len() {
            self.extra();
        }
    }

    fn peek(&self) -> Option<u8> {
        self.format.bytes().next()
    }

    fn accept(&mut self, c: char) -> bool {
        let rest = self.format.strip_prefix(c);
        self.format = rest.unwrap_or(self.format);
        rest.is_some()
    }

    /// The verbs that are used most, without any flags.
    fn simple(&mut self) -> bool {
        let Some(argument) = self.arguments.get(self.next) else { return false };
        match (self.peek(), argument) {
            (Some(b's' | b'v'), Value::String(text)) => self.printer.out.push_str(text),
            (Some(b'd' | b'v'), Value::Int(_, int)) => push_int(self.printer.out, *int),
            _ => return false,
        }
        self.format = self.format.get(1..).unwrap_or_default();
        self.next += 1;
        true
    }

    fn directive(&mut self) {
        self.flags();
        self.index();
        self.width();
        self.precision();
        if !self.after_index {
            self.index();
        }
        let mut chars = self.format.chars();
        let Some(verb) = chars.next() else {
            self.printer.out.push_str("%!(NOVERB)");
            return;
        };
        self.format = chars.as_str();
        self.verb(verb);
    }

    fn flags(&mut self) {
        loop {
            let spec = &mut self.printer.spec;
            match self.format.bytes().next() {
                Some(b'#') => spec.sharp = true,
                Some(b'0') => spec.zero = true,
                Some(b'+') => spec.plus = true,
                Some(b'-') => spec.minus = true,
                Some(b' ') => spec.space = true,
                _ => return,
            }
            self.format = self.format.get(1..).unwrap_or_default();
        }
    }

    /// `[n]`, which chooses the argument that comes next.
    fn index(&mut self) {
        self.after_index = false;
        if self.peek() != Some(b'[') {
            return;
        }
        self.reordered = true;
        let Some(end) = self.format.find(']') else {
            self.good_index = false;
            self.format = self.format.get(1..).unwrap_or_default();
            return;
        };
        let number = self.format.get(1..end).unwrap_or_default();
        self.format = self.format.get(end + 1..).unwrap_or_default();
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let index = number.parse::<usize>().ok().filter(|number| digits && *number <= MAX + 9);
        self.after_index = index.is_some();
        match index.and_then(|number| number.checked_sub(1)) {
            Some(index) if index < self.arguments.len() => self.next = index,
            _ => self.good_index = false,
        }
    }

    fn width(&mut self) {
        if !self.accept('*') {
            let width = self.number();
            if self.after_index && width.is_some() {
                self.good_index = false;
            }
            self.printer.spec.width = width;
            return;
        }
        match self.star() {
            Some(width) if width < 0 => {
                self.printer.spec.minus = true;
                self.printer.spec.zero = false;
                self.printer.spec.width = usize::try_from(width.unsigned_abs()).ok();
            }
            Some(width) => self.printer.spec.width = usize::try_from(width).ok(),
            None => self.printer.out.push_str("%!(BADWIDTH)"),
        }
        self.after_index = false;
    }

    fn precision(&mut self) {
        if !self.accept('.') {
            return;
        }
        if self.after_index {
            self.good_index = false;
        }
        self.index();
        if !self.accept('*') {
            self.printer.spec.precision = Some(self.number().unwrap_or(0));
            return;
        }
        match self.star() {
            Some(precision) if precision >= 0 => {
                self.printer.spec.precision = usize::try_from(precision).ok();
            }
            _ => self.printer.out.push_str("%!(BADPREC)"),
        }
        self.after_index = false;
    }

    /// Digits of the format; a number that is too large swallows the rest of the format.
    fn number(&mut self) -> Option<usize> {
        let count = self.format.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.format.split_at_checked(count)?;
        if digits.is_empty() {
            return None;
        }
        let number = digits.bytes().try_fold(0_usize, |number, digit| {
            (number <= MAX).then(|| number * 10 + usize::from(digit - b'0'))
        });
        self.format = if number.is_some() { rest } else { "" };
        number
    }

    /// A width or precision among the arguments.
    fn star(&mut self) -> Option<i64> {
        let argument = self.arguments.get(self.next)?;
        self.next += 1;
        let number = argument.as_i64()?;
        (number.unsigned_abs() <= MAX as u64).then_some(number)
    }

    fn verb(&mut self, verb: char) {
        if verb == '%' {
            self.printer.out.push('%');
        } else if !self.good_index {
            write_infallible(self.printer.out, format_args!("%!{verb}(BADINDEX)"));
        } else if let Some(argument) = self.arguments.get(self.next) {
            self.next += 1;
            if verb == 'v' {
                let spec = &mut self.printer.spec;
                spec.sharp_v = std::mem::take(&mut spec.sharp);
                spec.plus_v = std::mem::take(&mut spec.plus);
            }
            self.printer.argument(argument, verb);
        } else {
            write_infallible(self.printer.out, format_args!("%!{verb}(MISSING)"));
        }
    }

    fn extra(&mut self) {
        self.printer.spec = Spec::default();
        self.printer.out.push_str("%!(EXTRA ");
        let extra = self.arguments.get(self.next..).unwrap_or_default();
        for (index, argument) in extra.iter().enumerate() {
            if index > 0 {
                self.printer.out.push_str(", ");
            }
            if matches!(argument, Value::Nil | Value::Missing) {
                self.printer.out.push_str("<nil>");
            } else {
                let kind = argument.type_of();
                write_infallible(self.printer.out, format_args!("{kind}="));
                self.printer.argument(argument, 'v');
            }
        }
        self.printer.out.push(')');
    }
}
