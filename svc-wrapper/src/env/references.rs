//! `${NAME}` in a value is the value of another variable (pure).
//!
//! | text | becomes |
//! | --- | --- |
//! | `${NAME}` | the variable of that name among ours, else the inherited one |
//! | `${NAME}` in the value of `NAME` itself | the inherited one, so that `PATH` can be `/opt/bin:${PATH}` |
//! | `${NAME}` that is neither | nothing: the variable is left out and reported |
//! | `$${NAME}` | `${NAME}` |
//! | `$NAME`, `${not.a.name}`, `$` | itself |
//!
//! Values of services are others' words, and stay as they are. Variables are finished in the order in which they need one
//! another (Kahn's algorithm); what is left over at the end refers to itself in a circle, or to such a one.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::layer::{Layer, Variable};
use super::{LONGEST, Origin, Reason, is_name};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a [u8]),
    Reference(&'a str),
}

/// Follows the references of all values; `inherited` is what lies below ours.
pub(super) fn follow<'a>(layer: &mut Layer, inherited: impl Fn(&str) -> Option<&'a OsStr>) {
    let mut needs: BTreeMap<String, BTreeSet<String>> = layer
        .variables
        .iter()
        .map(|(name, variable)| (name.clone(), needed(layer, name, variable)))
        .collect();
    let mut waiting: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, needed) in &needs {
        for other in needed {
            waiting.entry(other.clone()).or_default().push(name.clone());
        }
    }
    let free = needs.iter().filter(|(_, needed)| needed.is_empty());
    let mut ready: Vec<String> = free.map(|(name, _)| name.clone()).collect();
    while let Some(name) = ready.pop() {
        needs.remove(&name);
        finish(layer, &name, &inherited);
        for waiter in waiting.remove(&name).unwrap_or_default() {
            if let Some(needed) = needs.get_mut(&waiter) {
                needed.remove(&name);
                if needed.is_empty() {
                    ready.push(waiter);
                }
            }
        }
    }
    for name in needs.into_keys() {
        layer.drop(&name, Reason::Circle);
    }
}

/// The variables of ours that this one's value refers to.
fn needed(layer: &Layer, name: &str, variable: &Variable) -> BTreeSet<String> {
    let references = pieces(variable).into_iter().filter_map(|piece| match piece {
        Piece::Reference(other) if other != name => Some(other),
        _ => None,
    });
    references.filter(|other| layer.variables.contains_key(*other)).map(str::to_owned).collect()
}

/// Puts a variable together once those that it refers to are, or takes it out.
fn finish<'a>(layer: &mut Layer, name: &str, inherited: &impl Fn(&str) -> Option<&'a OsStr>) {
    let Some(variable) = layer.variables.get(name) else { return };
    let pieces = pieces(variable);
    if matches!(pieces.as_slice(), [] | [Piece::Text(_)]) && !is_escaped(variable) {
        return;
    }
    let mut value = Vec::new();
    let mut wrong = None;
    for piece in pieces {
        let part = match piece {
            Piece::Text(text) => Some(text),
            Piece::Reference(other) => {
                let ours = layer.variables.get(other).filter(|_| other != name);
                let ours = ours.map(|variable| variable.value.expose().as_os_str());
                ours.or_else(|| inherited(other)).map(OsStr::as_bytes)
            }
        };
        match (part, piece) {
            (Some(part), _) if name.len() + value.len() + part.len() > LONGEST => {
                wrong = Some(Reason::TooLong);
            }
            (Some(part), _) => value.extend_from_slice(part),
            (None, Piece::Reference(other)) => wrong = Some(Reason::Unset(other.to_owned())),
            (None, Piece::Text(_)) => {}
        }
        if wrong.is_some() {
            break;
        }
    }
    match wrong {
        Some(why) => layer.drop(name, why),
        None => {
            if let Some(variable) = layer.variables.get_mut(name) {
                variable.value = OsString::from_vec(value).into();
            }
        }
    }
}

fn is_escaped(variable: &Variable) -> bool {
    variable.value.expose().as_bytes().windows(3).any(|bytes| bytes == b"$${")
}

fn pieces(variable: &Variable) -> Vec<Piece<'_>> {
    let bytes = variable.value.expose().as_bytes();
    match variable.origin {
        Origin::Service(_) => vec![Piece::Text(bytes)],
        Origin::Default | Origin::Key(_) => split(bytes),
    }
}

fn split(mut rest: &[u8]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut searched = 0;
    while let Some(at) = find(rest, searched) {
        let (before, from) = rest.split_at(at);
        if before.last() == Some(&b'$') {
            // The first dollar sign goes, the second is text.
            pieces.push(Piece::Text(before.split_last().map_or(before, |(_, text)| text)));
            (rest, searched) = (from, 2);
            continue;
        }
        let Some((name, after)) = reference(from) else {
            searched = at + 2;
            continue;
        };
        pieces.extend([Piece::Text(before), Piece::Reference(name)]);
        (rest, searched) = (after, 0);
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| *piece != Piece::Text(b""));
    pieces
}

fn find(text: &[u8], from: usize) -> Option<usize> {
    let at = text.get(from..)?.windows(2).position(|bytes| bytes == b"${")?;
    Some(from + at)
}

/// The name between `${` and `}`, and what follows.
fn reference(text: &[u8]) -> Option<(&str, &[u8])> {
    let text = text.strip_prefix(b"${")?;
    let (name, after) = text.split_at(text.iter().position(|byte| *byte == b'}')?);
    let name = str::from_utf8(name).ok().filter(|name| is_name(name))?;
    Some((name, after.strip_prefix(b"}")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_references_and_leaves_the_rest() {
        for (text, want) in [
            ("", ""),
            ("plain", "plain"),
            ("${A}", "<A>"),
            ("x${A}y${B_1}", "x|<A>|y|<B_1>"),
            ("$A ${} ${a.b} ${A", "$A ${} ${a.b} ${A"),
            ("${a.b}${A}", "${a.b}|<A>"),
            ("$${A}", "${A}"),
            ("x$${A}${A}", "x|${A}|<A>"),
            ("$$${A}", "$|${A}"),
            ("${${A}}", "${|<A>|}"),
        ] {
            let pieces = split(text.as_bytes());
            let words = pieces.iter().map(|piece| match piece {
                Piece::Text(text) => String::from_utf8_lossy(text).into_owned(),
                Piece::Reference(name) => format!("<{name}>"),
            });
            assert_eq!(words.collect::<Vec<_>>().join("|"), want, "{text}");
        }
    }
}
