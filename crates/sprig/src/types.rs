//! Types and kinds by name.

use gotemplate::Value;

use crate::{
    cast::kind,
    function::{ANY, Function, STRING, function},
};

pub(crate) fn functions() -> Vec<Function> {
    vec![
        function("typeOf", [ANY], |a| Ok(type_of(a.value(0)).into())),
        function("typeIs", [STRING, ANY], |a| Ok((a.text(0) == type_of(a.value(1))).into())),
        function("typeIsLike", [STRING, ANY], |a| {
            let name = type_of(a.value(1));
            Ok((a.text(0) == name || name.strip_prefix('*') == Some(a.text(0))).into())
        }),
        function("kindOf", [ANY], |a| Ok(kind(a.value(0)).into())),
        function("kindIs", [STRING, ANY], |a| Ok((a.text(0) == kind(a.value(1))).into())),
    ]
}

fn type_of(value: &Value) -> String {
    gotemplate::sprintf("%T", std::slice::from_ref(value))
}
