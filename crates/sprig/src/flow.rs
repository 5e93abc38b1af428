//! Defaults, choices, and giving up.

use gotemplate::{Type, Value};

use crate::function::{ANY, Function, STRING, function};

/// What Go calls empty is what `if` takes for false.
pub(crate) fn functions() -> Vec<Function> {
    vec![
        function("default", [ANY], |a| {
            let given = a.from(1).first().filter(|given| given.truth());
            Ok(given.unwrap_or(a.value(0)).clone())
        })
        .rest(ANY)
        .any(),
        function("coalesce", [], |a| {
            Ok(a.all().iter().find(|value| value.truth()).cloned().unwrap_or(Value::Nil))
        })
        .rest(ANY)
        .any(),
        function("ternary", [ANY, ANY, Type::Bool], |a| {
            Ok(a.value(usize::from(!a.truth(2))).clone())
        })
        .any(),
        function("empty", [ANY], |a| Ok((!a.truth(0)).into())),
        function("all", [], |a| Ok(a.all().iter().all(Value::truth).into())).rest(ANY),
        function("any", [], |a| Ok(a.all().iter().any(Value::truth).into())).rest(ANY),
        function("fail", [STRING], |a| Err(a.text(0).into())),
    ]
}
