//! Decimal numbers of any size, in which floats are calculated as they are written.

use gotemplate::Error;
use num_bigint::{BigInt, Sign};

/// Digits after the point of a quotient.
const DIVISION_PLACES: i32 = 16;

/// `digits × 10^exponent`
#[derive(Clone, Debug)]
pub(crate) struct Decimal {
    digits: BigInt,
    exponent: i32,
}

impl Decimal {
    /// The shortest digits that stand for the float.
    pub(crate) fn from_float(float: f64) -> Result<Self, Error> {
        if !float.is_finite() {
            let float = gotemplate::sprintf("%v", &[float.into()]);
            return Err(format!("Cannot create a Decimal from {float}").into());
        }
        let text = gotemplate::sprintf("%v", &[float.into()]);
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = BigInt::parse_bytes(format!("{whole}{fraction}").as_bytes(), 10);
        let places = i32::try_from(fraction.len()).unwrap_or(0);
        let exponent = exponent.parse().unwrap_or(0) - places;
        Ok(Self { digits: digits.unwrap_or_default(), exponent })
    }

    pub(crate) fn to_float(&self) -> f64 {
        format!("{}e{}", self.digits, self.exponent).parse().unwrap_or(f64::NAN)
    }

    /// The digits for a smaller exponent.
    fn scaled(&self, exponent: i32) -> BigInt {
        &self.digits * power_of_ten(self.exponent - exponent)
    }

    pub(crate) fn add(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        Self { digits: self.scaled(exponent) + other.scaled(exponent), exponent }
    }

    pub(crate) fn subtract(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        Self { digits: self.scaled(exponent) - other.scaled(exponent), exponent }
    }

    pub(crate) fn multiply(&self, other: &Self) -> Self {
        Self { digits: &self.digits * &other.digits, exponent: self.exponent + other.exponent }
    }

    /// Rounds to sixteen places, halves away from zero.
    pub(crate) fn divide(&self, divisor: &Self) -> Result<Self, Error> {
        if divisor.digits.sign() == Sign::NoSign {
            return Err("decimal division by 0".into());
        }
        let shift = self.exponent - divisor.exponent + DIVISION_PLACES;
        let dividend = &self.digits * power_of_ten(shift);
        let divisor = &divisor.digits * power_of_ten(-shift);
        let quotient = &dividend / &divisor;
        let remainder = &dividend - &quotient * &divisor;
        let away = if dividend.sign() == divisor.sign() { 1 } else { -1 };
        let rounds_away = remainder.magnitude() * 2_u8 >= *divisor.magnitude();
        let digits = if rounds_away { quotient + away } else { quotient };
        Ok(Self { digits, exponent: -DIVISION_PLACES })
    }
}

/// `10^exponent`, 1 for a negative exponent.
fn power_of_ten(exponent: i32) -> BigInt {
    BigInt::from(10).pow(u32::try_from(exponent).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divides_to_sixteen_places() {
        let rows = [
            (1.0, 3.0, 0.333_333_333_333_333_3),
            (2.0, 3.0, 0.666_666_666_666_666_7),
            (-2.0, 3.0, -0.666_666_666_666_666_7),
            (1e-16, 2.0, 1e-16),
            (1e-16, 3.0, 0.0),
            (1e300, 1e-5, 1e305),
        ];
        for (dividend, divisor, want) in rows {
            let dividend = Decimal::from_float(dividend).unwrap();
            let quotient = dividend.divide(&Decimal::from_float(divisor).unwrap()).unwrap();
            assert_eq!(quotient.to_float().to_bits(), f64::to_bits(want), "{dividend:?} {divisor}");
        }
    }
}
