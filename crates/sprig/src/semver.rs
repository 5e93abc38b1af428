//! Semantic versions and constraints on them, as the functions' own library reads them.

mod constraint;
mod version;

use std::{any::Any, borrow::Cow, sync::LazyLock};

use gotemplate::{Error, Object, Signature, Type, Value};

use self::constraint::Constraints;
pub(crate) use self::version::Version;
use crate::function::{Function, STRING, function};

pub(crate) fn functions() -> Vec<Function> {
    vec![
        function("semver", [STRING], |a| Ok(Value::object(Version::parse(a.text(0))?))),
        function("semverCompare", [STRING, STRING], |a| {
            let constraints = Constraints::parse(a.text(0))?;
            Ok(constraints.allow(&Version::parse(a.text(1))?).into())
        }),
    ]
}

const TYPE_NAME: &str = "*semver.Version";

static NO_ARGUMENTS: LazyLock<Signature> = LazyLock::new(|| Signature::new([]));
static ANOTHER: LazyLock<Signature> =
    LazyLock::new(|| Signature::new([Type::Named(TYPE_NAME.into())]));
static A_STRING: LazyLock<Signature> = LazyLock::new(|| Signature::new([Type::String]));

impl Object for Version {
    fn type_name(&self) -> &'static str {
        if self.pointer { TYPE_NAME } else { "semver.Version" }
    }

    fn json(&self) -> Option<Result<Value, Error>> {
        Some(Ok(self.to_string().into()))
    }

    fn field_names(&self) -> &[&str] {
        &["major", "minor", "patch", "pre", "metadata", "original"]
    }

    fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        Some(Cow::Owned(match name {
            "major" => self.major.into(),
            "minor" => self.minor.into(),
            "patch" => self.patch.into(),
            "pre" => self.pre.as_str().into(),
            "metadata" => self.metadata.as_str().into(),
            "original" => self.original.as_str().into(),
            _ => return None,
        }))
    }

    fn method(&self, name: &str) -> Option<&Signature> {
        Some(match name {
            "Major" | "Minor" | "Patch" | "Prerelease" | "Metadata" | "String" | "IncPatch"
            | "IncMinor" | "IncMajor" => &NO_ARGUMENTS,
            // The others have only pointers to versions.
            "Original" if self.pointer => &NO_ARGUMENTS,
            "Compare" | "Equal" | "LessThan" | "LessThanEqual" | "GreaterThan"
            | "GreaterThanEqual"
                if self.pointer =>
            {
                &ANOTHER
            }
            "SetPrerelease" | "SetMetadata" => &A_STRING,
            _ => return None,
        })
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, Error> {
        let first = arguments.first().unwrap_or(&Value::Nil);
        if let Value::Object(object) = first {
            let any: &dyn Any = object.as_ref();
            let order = any.downcast_ref::<Self>().map(|other| self.compare(other));
            let order = order.ok_or_else(|| Error::new("no version"))?;
            return Ok(match name {
                "Equal" => order.is_eq().into(),
                "LessThan" => order.is_lt().into(),
                "LessThanEqual" => order.is_le().into(),
                "GreaterThan" => order.is_gt().into(),
                "GreaterThanEqual" => order.is_ge().into(),
                _ => Value::int(order as i64),
            });
        }
        let text = first.as_str().unwrap_or_default();
        Ok(match name {
            "Major" => self.major.into(),
            "Minor" => self.minor.into(),
            "Patch" => self.patch.into(),
            "Prerelease" => self.pre.as_str().into(),
            "Metadata" => self.metadata.as_str().into(),
            "Original" => self.original.as_str().into(),
            "String" => self.to_string().into(),
            "IncPatch" => Value::object(self.next_patch()),
            "IncMinor" => Value::object(self.next(self.major, self.minor + 1, 0)),
            "IncMajor" => Value::object(self.next(self.major + 1, 0, 0)),
            "SetPrerelease" => Value::object(self.with_prerelease(text)?),
            "SetMetadata" => Value::object(self.with_metadata(text)?),
            _ => return Err(format!("no method {name}").into()),
        })
    }

    fn text(&self) -> Option<String> {
        Some(self.to_string())
    }

    fn equals(&self, other: &dyn Object) -> Option<bool> {
        let any: &dyn Any = other;
        // Pointers are equal when they are the same; only `eq` of a value with itself comes close to that.
        Some(any.downcast_ref::<Self>().is_some_and(|other| std::ptr::eq(self, other)))
    }
}
