//! Calling functions and methods: what their arguments may be, and what they answer.

use super::{At, Fault, Frame, Machine, Outcome, Slot};
use crate::{
    ast::{Kind, Operand},
    function::{Callable, Function, Parameter},
    value::{Method, Value},
};

impl<'t> Machine<'t> {
    pub(super) fn call(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        (name, callable, node): (&str, &'t Callable, At<'t>),
        (arguments, piped): (&'t [Operand], Option<Slot>),
    ) -> Outcome<Slot> {
        let answer = match callable {
            Callable::Known(function) => {
                self.check_count(frame, function, arguments.len(), piped.is_some())?;
                match function.name {
                    "and" => return self.until(frame, dot, false, (arguments, piped)),
                    "or" => return self.until(frame, dot, true, (arguments, piped)),
                    _ => {}
                }
                let parameter = |index: usize| {
                    function
                        .parameters
                        .get(index)
                        .copied()
                        .or(function.rest)
                        .unwrap_or(Parameter::Any)
                };
                let values = self.arguments(frame, dot, parameter, (arguments, piped))?;
                (function.body)(&mut self.scope, &values)
            }
            Callable::Added(body) => {
                let values = self.arguments(frame, dot, |_| Parameter::Any, (arguments, piped))?;
                body(&values).map_err(Fault::from)
            }
        };
        self.answer(frame, name, node, answer)
    }

    pub(super) fn call_method(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        (name, method, node): (&str, &Method, At<'t>),
        (arguments, piped): (&'t [Operand], Option<Slot>),
    ) -> Outcome<Slot> {
        let got = arguments.len() + usize::from(piped.is_some());
        if got != method.arity {
            let want = method.arity;
            return Err(self
                .error(frame, format!("wrong number of args for {name}: want {want} got {got}")));
        }
        let values = self.arguments(frame, dot, |_| Parameter::Any, (arguments, piped))?;
        let answer = (method.body)(&values).map_err(Fault::from);
        self.answer(frame, name, node, answer)
    }

    fn answer(
        &self,
        frame: &mut Frame<'t>,
        name: &str,
        node: At<'t>,
        answer: Result<Value, Fault>,
    ) -> Outcome<Slot> {
        answer.map(Slot::from).map_err(|fault| {
            frame.at = node;
            match fault {
                Fault::Reason(reason) => {
                    self.error(frame, format!("error calling {name}: {reason}"))
                }
                limit @ Fault::Limit(_) => self.fault(frame, limit),
            }
        })
    }

    /// `and` and `or`: the first argument whose truth is `wanted`, or the last.
    fn until(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        wanted: bool,
        (arguments, piped): (&'t [Operand], Option<Slot>),
    ) -> Outcome<Slot> {
        let mut value = Value::Nil;
        for argument in arguments {
            value = self.argument(frame, dot, Parameter::Any, argument)?;
            if value.is_true() == wanted {
                return Ok(value.into());
            }
        }
        if let Some(piped) = piped {
            value = self.checked(frame, piped, Parameter::Any)?;
        }
        Ok(value.into())
    }

    fn check_count(
        &self,
        frame: &Frame<'t>,
        function: &Function,
        given: usize,
        piped: bool,
    ) -> Outcome<()> {
        let (name, want) = (function.name, function.parameters.len());
        let got = given + usize::from(piped);
        match function.rest {
            Some(_) if got < want => {
                let reason =
                    format!("wrong number of args for {name}: want at least {want} got {given}");
                Err(self.error(frame, reason))
            }
            None if got != want => Err(self
                .error(frame, format!("wrong number of args for {name}: want {want} got {got}"))),
            _ => Ok(()),
        }
    }

    fn arguments(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        parameter: impl Fn(usize) -> Parameter,
        (arguments, piped): (&'t [Operand], Option<Slot>),
    ) -> Outcome<Vec<Value>> {
        let mut values = Vec::with_capacity(arguments.len() + 1);
        for (index, argument) in arguments.iter().enumerate() {
            values.push(self.argument(frame, dot, parameter(index), argument)?);
        }
        if let Some(piped) = piped {
            values.push(self.checked(frame, piped, parameter(arguments.len()))?);
        }
        self.spend(frame, values.len() as u64)?;
        Ok(values)
    }

    fn argument(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        parameter: Parameter,
        operand: &'t Operand,
    ) -> Outcome<Value> {
        frame.at = At::Operand(operand);
        let literal = match (&operand.kind, parameter) {
            (Kind::Nil, _) if parameter.takes_nil() => return Ok(Value::Nil),
            (Kind::Nil, _) => {
                return Err(self.error(frame, format!("cannot assign nil to {parameter}")));
            }
            (Kind::Bool(_) | Kind::Number(_) | Kind::Text { .. }, _)
                if parameter != Parameter::Any =>
            {
                literal(&operand.kind, parameter)
            }
            _ => {
                let slot = self.slot(frame, dot, operand)?;
                return self.checked(frame, slot, parameter);
            }
        };
        literal.map_err(|expected| match expected {
            Some(expected) => self.error(frame, format!("expected {expected}; found {operand}")),
            None => {
                self.error(frame, format!("can't handle {operand} for arg of type {parameter}"))
            }
        })
    }

    /// The value, if it is what the parameter wants.
    fn checked(&self, frame: &Frame<'t>, slot: Slot, parameter: Parameter) -> Outcome<Value> {
        match slot.value {
            None if parameter.takes_nil() => Ok(Value::Nil),
            None => Err(self.error(frame, format!("invalid value; expected {parameter}"))),
            Some(value) if parameter.takes(&value) => Ok(value),
            Some(value) => {
                let got = value.type_of();
                Err(self
                    .error(frame, format!("wrong type for value; expected {parameter}; got {got}")))
            }
        }
    }
}

/// A literal as a value of the type that is wanted; an error says what was expected instead.
fn literal(kind: &Kind, parameter: Parameter) -> Result<Value, Option<&'static str>> {
    match (parameter, kind) {
        (Parameter::Bool, Kind::Bool(value)) => Ok(Value::Bool(*value)),
        (Parameter::Text, Kind::Text { value, .. }) => Ok(value.clone()),
        (Parameter::Int, Kind::Number(number)) => number.int.map(Value::Int).ok_or(Some("integer")),
        (Parameter::Float, Kind::Number(number)) => {
            number.float.map(Value::Float).ok_or(Some("float"))
        }
        (Parameter::Bool, _) => Err(Some("bool")),
        (Parameter::Text, _) => Err(Some("string")),
        (Parameter::Int, _) => Err(Some("integer")),
        (Parameter::Float, _) => Err(Some("float")),
        (Parameter::Any | Parameter::Dict, _) => Err(None),
    }
}
