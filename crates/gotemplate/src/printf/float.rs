//! Floats in every notation of Go. The digits come from the standard library, which rounds exactly.

use crate::quote::write_infallible;

/// A float, and whether its shortest digits are those of a `float32`.
pub(super) struct Exact {
    pub(super) value: f64,
    pub(super) short: bool,
}

/// More digits than any float has; what is asked for beyond is zeros.
const ALL_DIGITS: usize = 1_100;

/// Decimal digits: `0.d₁d₂… × 10^point`.
struct Decimal {
    digits: String,
    point: i32,
}

impl Decimal {
    /// Reads the standard library's `d.ddde±x`.
    fn from_scientific(text: &str) -> Self {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
        let digits = digits.trim_end_matches('0').to_owned();
        let point = if digits.is_empty() { 0 } else { exponent.parse().unwrap_or(0) + 1 };
        Self { digits, point }
    }

    fn shortest(exact: &Exact) -> Self {
        let value = exact.value.abs();
        if exact.short {
            #[expect(clippy::cast_possible_truncation, reason = "it was a float32")]
            let value = value as f32;
            let decimal = Self::from_scientific(&format!("{value:e}"));
            return decimal.or_even(7, |digits| {
                let text = format!("{value:.digits$e}");
                (text.parse() == Ok(value)).then_some(text)
            });
        }
        Self::from_scientific(&format!("{value:e}")).or_even(16, |digits| {
            let text = format!("{value:.digits$e}");
            (text.parse() == Ok(value)).then_some(text)
        })
    }

    /// Of two shortest forms that are equally near, Go takes the even one, and the standard library that which is away
    /// from zero. There are two only with as many digits as `many`. `print` is given the digits after the point.
    fn or_even(self, many: usize, print: impl FnOnce(usize) -> Option<String>) -> Self {
        if self.digits.len() < many {
            return self;
        }
        print(self.digits.len() - 1).map_or(self, |text| Self::from_scientific(&text))
    }

    /// Rounded to a number of digits, at least one.
    fn rounded(exact: &Exact, digits: usize) -> Self {
        let value = exact.value.abs();
        let after_point = digits.clamp(1, ALL_DIGITS) - 1;
        Self::from_scientific(&format!("{value:.after_point$e}"))
    }

    fn digit(&self, index: i32) -> char {
        let index = usize::try_from(index).ok();
        let digit = index.and_then(|index| self.digits.as_bytes().get(index));
        digit.map_or('0', |digit| char::from(*digit))
    }

    fn len(&self) -> i32 {
        i32::try_from(self.digits.len()).unwrap_or(i32::MAX)
    }

    /// `d.ddde±dd`
    fn scientific(&self, out: &mut String, precision: usize, mark: char) {
        out.push(self.digit(0));
        if precision > 0 {
            out.push('.');
            out.extend((1..=clamp(precision)).map(|index| self.digit(index)));
        }
        let exponent = if self.digits.is_empty() { 0 } else { self.point - 1 };
        let sign = if exponent < 0 { '-' } else { '+' };
        write_infallible(out, format_args!("{mark}{sign}{:02}", exponent.unsigned_abs()));
    }

    /// `ddd.ddd`
    fn plain(&self, out: &mut String, precision: usize) {
        if self.point > 0 {
            out.extend((0..self.point).map(|index| self.digit(index)));
        } else {
            out.push('0');
        }
        if precision > 0 {
            out.push('.');
            out.extend((0..clamp(precision)).map(|index| self.digit(self.point + index)));
        }
    }
}

fn clamp(precision: usize) -> i32 {
    i32::try_from(precision).unwrap_or(i32::MAX)
}

/// The number with a minus sign if it is negative; `precision` is `None` for as many digits as tell it from others.
pub(super) fn format(exact: &Exact, style: char, precision: Option<usize>) -> String {
    let mut out = String::new();
    if exact.value.is_nan() {
        return "NaN".to_owned();
    }
    if exact.value.is_sign_negative() {
        out.push('-');
    }
    if exact.value.is_infinite() {
        out.push_str("Inf");
        return out;
    }
    match style {
        'b' => binary(&mut out, exact),
        'x' | 'X' => hexadecimal(&mut out, exact.value, style, precision),
        'e' | 'E' => {
            let decimal = match precision {
                Some(precision) => Decimal::rounded(exact, precision.saturating_add(1)),
                None => Decimal::shortest(exact),
            };
            let shortest = decimal.digits.len().saturating_sub(1);
            decimal.scientific(&mut out, precision.unwrap_or(shortest), style);
        }
        'f' => plain(&mut out, exact, precision),
        _ => general(&mut out, exact, style, precision),
    }
    out
}

fn plain(out: &mut String, exact: &Exact, precision: Option<usize>) {
    let Some(precision) = precision else {
        let decimal = Decimal::shortest(exact);
        let after_point = usize::try_from(decimal.len() - decimal.point).unwrap_or(0);
        decimal.plain(out, after_point);
        return;
    };
    let exact_digits = precision.min(ALL_DIGITS);
    write_infallible(out, format_args!("{:.exact_digits$}", exact.value.abs()));
    out.extend(std::iter::repeat_n('0', precision - exact_digits));
}

/// `%g`: without an exponent unless it is small or large.
fn general(out: &mut String, exact: &Exact, style: char, precision: Option<usize>) {
    let (decimal, limit) = match precision {
        // Go looks for the shortest form as if six digits were asked for.
        None => (Decimal::shortest(exact), 6),
        Some(precision) => {
            let precision = precision.max(1);
            let decimal = Decimal::rounded(exact, precision);
            let digits = decimal.digits.len();
            let whole = decimal.len() >= decimal.point;
            let limit = if precision > digits && whole { digits } else { precision };
            (decimal, clamp(limit))
        }
    };
    let exponent = decimal.point - 1;
    let digits = decimal.digits.len();
    if exponent < -4 || exponent >= limit {
        let mark = if style == 'G' { 'E' } else { 'e' };
        let precision = precision.map_or(digits, |precision| precision.max(1).min(digits));
        decimal.scientific(out, precision.saturating_sub(1), mark);
    } else {
        let after_point = usize::try_from(decimal.len() - decimal.point).unwrap_or(0);
        decimal.plain(out, after_point);
    }
}

/// Mantissa and exponent of a float: `mantissa × 2^exponent`.
fn parts(value: f64) -> (u64, i32) {
    let bits = value.abs().to_bits();
    let exponent = i32::try_from(bits >> 52).unwrap_or(0);
    let fraction = bits & ((1 << 52) - 1);
    if exponent == 0 { (fraction, -1074) } else { (fraction | (1 << 52), exponent - 1075) }
}

/// `%b`: the mantissa and a power of two.
fn binary(out: &mut String, exact: &Exact) {
    let (mut mantissa, mut exponent) = parts(exact.value);
    if exact.short {
        // A float32 keeps 24 of the 53 bits, and its exponent ends sooner.
        mantissa >>= 29;
        exponent += 29;
        if exponent < -149 {
            mantissa >>= (-149 - exponent).unsigned_abs().min(63);
            exponent = -149;
        }
        if mantissa == 0 {
            exponent = -149;
        }
    }
    write_infallible(out, format_args!("{mantissa}p{exponent:+}"));
}

/// `%x`: `0x1.8p+01`
fn hexadecimal(out: &mut String, value: f64, style: char, precision: Option<usize>) {
    let (mut mantissa, mut exponent) = parts(value);
    if mantissa == 0 {
        exponent = 0;
    } else {
        // The leading one comes to bit 60, so that fifteen hexadecimal digits follow it.
        let shift = mantissa.leading_zeros() - 3;
        mantissa <<= shift;
        exponent += 60 - i32::try_from(shift).unwrap_or(0);
    }
    if let Some(precision) = precision.filter(|precision| *precision < 15) {
        let drop = u32::try_from(60 - precision * 4).unwrap_or(0);
        let half = 1_u64 << (drop - 1);
        let lost = mantissa & ((half << 1) - 1);
        mantissa -= lost;
        if lost > half || (lost == half && (mantissa >> drop) & 1 == 1) {
            mantissa += half << 1;
        }
        if mantissa >> 61 != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let digits = format!("{:015x}", mantissa & ((1 << 60) - 1));
    let digits = match precision {
        None => digits.trim_end_matches('0').to_owned(),
        Some(precision) => {
            let kept: String = digits.chars().take(precision).collect();
            let zeros = "0".repeat(precision.saturating_sub(15));
            kept + &zeros
        }
    };
    let point = if digits.is_empty() { "" } else { "." };
    let (sign, power) = (if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs());
    let text = format!("0x{}{point}{digits}p{sign}{power:02}", mantissa >> 60);
    out.push_str(&if style == 'X' { text.to_uppercase() } else { text });
}

/// The sharp flag: a point in any case, and for `%g` all the zeros.
pub(super) fn with_point(text: &str, style: char, precision: Option<usize>) -> String {
    let mut digits = match style {
        'g' | 'G' | 'x' => precision.map_or(6, clamp),
        _ => 0,
    };
    let marks: &[char] = if matches!(style, 'x' | 'X') { &['p', 'P'] } else { &['e', 'E'] };
    let (number, tail) = text.split_at(text.find(marks).unwrap_or(text.len()));
    let mut out = number.to_owned();
    let significant = number.chars().filter(|c| *c != '.').skip_while(|c| *c == '0').count();
    digits -= clamp(significant);
    if !number.contains('.') {
        if number == "0" {
            digits -= 1;
        }
        out.push('.');
    }
    out.extend(std::iter::repeat_n('0', usize::try_from(digits).unwrap_or(0)));
    out + tail
}
