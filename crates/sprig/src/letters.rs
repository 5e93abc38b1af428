//! Go's simple case mappings, which turn one character into one, and its classes of characters.

use unicode_general_category::{GeneralCategory as Category, get_general_category};

pub(crate) fn is_upper(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_uppercase() } else { category(c) == Category::UppercaseLetter }
}

pub(crate) fn is_lower(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_lowercase() } else { category(c) == Category::LowercaseLetter }
}

pub(crate) fn is_title(c: char) -> bool {
    category(c) == Category::TitlecaseLetter
}

pub(crate) fn is_letter(c: char) -> bool {
    use Category::{
        LowercaseLetter, ModifierLetter, OtherLetter, TitlecaseLetter, UppercaseLetter,
    };
    let category = category(c);
    matches!(
        category,
        UppercaseLetter | LowercaseLetter | TitlecaseLetter | ModifierLetter | OtherLetter
    )
}

pub(crate) fn is_digit(c: char) -> bool {
    category(c) == Category::DecimalNumber
}

pub(crate) fn is_number(c: char) -> bool {
    use Category::{DecimalNumber, LetterNumber, OtherNumber};
    matches!(category(c), DecimalNumber | LetterNumber | OtherNumber)
}

pub(crate) fn is_punctuation(c: char) -> bool {
    use Category::{
        ClosePunctuation, ConnectorPunctuation, DashPunctuation, FinalPunctuation,
        InitialPunctuation, OpenPunctuation, OtherPunctuation,
    };
    matches!(
        category(c),
        ConnectorPunctuation
            | DashPunctuation
            | OpenPunctuation
            | ClosePunctuation
            | InitialPunctuation
            | FinalPunctuation
            | OtherPunctuation
    )
}

fn category(c: char) -> Category {
    get_general_category(c)
}

pub(crate) fn upper(c: char) -> char {
    single(c.to_uppercase()).unwrap_or_else(|| iota_upper(c))
}

pub(crate) fn lower(c: char) -> char {
    // The only letter whose full mapping to lower case is longer than the simple one.
    if c == '\u{130}' { 'i' } else { single(c.to_lowercase()).unwrap_or(c) }
}

/// Title case, which differs from upper case for digraphs and for Georgian.
pub(crate) fn title(c: char) -> char {
    match c {
        '\u{1c4}'..='\u{1c6}' => '\u{1c5}',
        '\u{1c7}'..='\u{1c9}' => '\u{1c8}',
        '\u{1ca}'..='\u{1cc}' => '\u{1cb}',
        '\u{1f1}'..='\u{1f3}' => '\u{1f2}',
        '\u{10d0}'..='\u{10ff}' => c,
        c => upper(c),
    }
}

fn single(mut mapped: impl ExactSizeIterator<Item = char>) -> Option<char> {
    let first = mapped.next();
    if mapped.len() == 0 { first } else { None }
}

/// Greek letters with an iota below become two letters in full, and one with the iota beside it in the simple mapping.
fn iota_upper(c: char) -> char {
    let offset = match c {
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => 8,
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => 9,
        _ => 0,
    };
    char::from_u32(u32::from(c) + offset).unwrap_or(c)
}
