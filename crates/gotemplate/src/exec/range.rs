//! `range`: over numbers, slices and maps.

use std::sync::Arc;

use super::{Executed, Flow, State, Val};
use crate::{
    node::{Branch, Variable},
    value::{Type, UintKind, Value},
};

impl<'a, C> State<'a, '_, C> {
    pub(super) fn range(&mut self, dot: &Val, branch: &'a Branch) -> Executed<Flow> {
        let outer = self.variables.len();
        self.deeper(1)?;
        let value = self.pipeline(dot, &branch.pipeline)?;
        let mut each = Each { branch, mark: self.variables.len(), ran: false };
        self.iterate(&value, &mut each)?;
        let mut flow = Flow::Next;
        if !each.ran
            && let Some(otherwise) = &branch.otherwise
        {
            flow = self.list(dot, otherwise)?;
        }
        self.depth -= 1;
        self.variables.truncate(outer);
        Ok(flow)
    }

    fn iterate(&mut self, value: &Value, each: &mut Each<'a>) -> Executed<()> {
        match value {
            Value::Missing | Value::Nil => {}
            Value::Int(kind, int) => {
                self.refuse_second_variable(value, each.branch)?;
                for number in 0..*int {
                    if each.run(self, None, &Value::Int(*kind, number).into())? {
                        break;
                    }
                }
            }
            Value::Uint(kind, uint) => {
                self.refuse_second_variable(value, each.branch)?;
                for number in 0..*uint {
                    if each.run(self, None, &Value::Uint(*kind, number).into())? {
                        break;
                    }
                }
            }
            Value::List(list) => {
                let boxed = *list.element() == Type::Any;
                for (index, item) in Arc::clone(list).iter().enumerate() {
                    let item = Val::new(item.clone(), boxed);
                    if each.run(self, Some(position(index)), &item)? {
                        break;
                    }
                }
            }
            Value::Bytes(bytes) => {
                for (index, byte) in bytes.iter().enumerate() {
                    let item = Value::Uint(UintKind::Uint8, u64::from(*byte));
                    if each.run(self, Some(position(index)), &item.into())? {
                        break;
                    }
                }
            }
            Value::Map(map) => {
                let (key_boxed, boxed) = (*map.key() == Type::Any, *map.element() == Type::Any);
                for (key, item) in &map.entries() {
                    let key = Val::new(key.clone(), key_boxed);
                    if each.run(self, Some(key), &Val::new(item.clone(), boxed))? {
                        break;
                    }
                }
            }
            value => {
                return Err(self.error(format!("range can't iterate over {value}")));
            }
        }
        Ok(())
    }

    fn refuse_second_variable(&self, value: &Value, branch: &Branch) -> Executed<()> {
        if branch.pipeline.variables.len() > 1 {
            let message = format!("can't use {value} to iterate over more than one variable");
            return Err(self.error(message));
        }
        Ok(())
    }

    /// Sets the variables of an iteration.
    fn bind(&mut self, branch: &Branch, key: Option<Val>, item: &Val) -> Executed<()> {
        let key = key.unwrap_or_else(Val::missing);
        match branch.pipeline.variables.as_slice() {
            [] => {}
            [one] => self.bind_one(branch, one, 1, item.clone())?,
            [first, second, ..] => {
                self.bind_one(branch, first, 2, key)?;
                self.bind_one(branch, second, 1, item.clone())?;
            }
        }
        Ok(())
    }

    fn bind_one(
        &mut self,
        branch: &Branch,
        variable: &Variable,
        from_top: usize,
        value: Val,
    ) -> Executed<()> {
        if branch.pipeline.assign {
            return self.assign(variable, value);
        }
        // The pipeline has pushed the declared variables.
        let slot = self.variables.len().checked_sub(from_top);
        if let Some((_, slot)) = slot.and_then(|slot| self.variables.get_mut(slot)) {
            *slot = value;
        }
        Ok(())
    }
}

/// The iterations of one range.
struct Each<'a> {
    branch: &'a Branch,
    /// How many variables there are before an iteration.
    mark: usize,
    ran: bool,
}

impl<'a> Each<'a> {
    /// Says whether the range ends here.
    fn run<C>(
        &mut self,
        state: &mut State<'a, '_, C>,
        key: Option<Val>,
        item: &Val,
    ) -> Executed<bool> {
        self.ran = true;
        state.bind(self.branch, key, item)?;
        let flow = state.body(item, &self.branch.list)?;
        state.variables.truncate(self.mark);
        Ok(flow == Flow::Break)
    }
}

fn position(index: usize) -> Val {
    Value::int(i64::try_from(index).unwrap_or(i64::MAX)).into()
}
