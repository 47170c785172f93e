//! Pipelines, operands, fields and variables.

use super::{At, Error, Frame, Machine, MissingKey, Outcome, Slot};
use crate::{
    ast::{Command, Kind, Number, Operand, Pipe},
    quote,
    value::{Type, Value},
};

impl<'t> Machine<'t> {
    pub(super) fn pipeline(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        pipe: &'t Pipe,
    ) -> Outcome<Slot> {
        frame.at = At::Pipe(pipe);
        let mut piped = None;
        for command in &pipe.commands {
            self.spend(frame, 1)?;
            piped = Some(self.command(frame, dot, command, piped)?.unboxed());
        }
        let slot = piped.unwrap_or(Slot::NOTHING);
        for variable in &pipe.variables {
            if pipe.assigns {
                self.assign(frame, &variable.name, &slot)?;
            } else {
                frame.variables.push((&variable.name, slot.clone()));
            }
        }
        Ok(slot)
    }

    fn command(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        command: &'t Command,
        piped: Option<Slot>,
    ) -> Outcome<Slot> {
        let (first, arguments) = (&command.operands[0], &command.operands[1..]);
        let applied = !arguments.is_empty() || piped.is_some();
        match &first.kind {
            Kind::Field(names) => {
                frame.at = At::Operand(first);
                self.chain(frame, dot, (dot.clone(), names, first), (arguments, piped))
            }
            Kind::Chain(inner, names) => {
                let receiver = self.chain_receiver(frame, dot, first, inner)?;
                self.chain(frame, dot, (receiver, names, first), (arguments, piped))
            }
            Kind::Function { name, callable } => {
                frame.at = At::Operand(first);
                self.call(frame, dot, (name, callable, At::Command(command)), (arguments, piped))
            }
            Kind::Variable(names) => {
                frame.at = At::Operand(first);
                let slot = self.variable(frame, &names[0])?;
                if names.len() > 1 {
                    return self.chain(frame, dot, (slot, &names[1..], first), (arguments, piped));
                }
                self.check_unapplied(frame, first, applied)?;
                Ok(slot)
            }
            Kind::Pipe(pipe) => {
                self.check_unapplied(frame, first, applied)?;
                self.nested(frame, |machine, frame| machine.pipeline(frame, dot, pipe))
            }
            Kind::Nil => {
                frame.at = At::Operand(first);
                self.check_unapplied(frame, first, applied)?;
                Err(self.error(frame, "nil is not a command"))
            }
            Kind::Dot | Kind::Bool(_) | Kind::Number(_) | Kind::Text { .. } => {
                frame.at = At::Operand(first);
                self.check_unapplied(frame, first, applied)?;
                self.constant(frame, dot, first)
            }
        }
    }

    fn check_unapplied(&self, frame: &Frame<'t>, operand: &Operand, applied: bool) -> Outcome<()> {
        if applied {
            return Err(self.error(frame, format!("can't give argument to non-function {operand}")));
        }
        Ok(())
    }

    /// The value of an operand where any type will do.
    pub(super) fn constant(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        operand: &'t Operand,
    ) -> Outcome<Slot> {
        frame.at = At::Operand(operand);
        match &operand.kind {
            Kind::Dot => Ok(dot.clone()),
            Kind::Bool(value) => Ok(Value::Bool(*value).into()),
            Kind::Number(number) => self.ideal(frame, number).map(Slot::from),
            Kind::Text { value, .. } => Ok(value.clone().into()),
            _ => Err(self.error(frame, format!("can't evaluate command {operand}"))),
        }
    }

    /// The type that a number has where any type will do.
    fn ideal(&self, frame: &Frame<'t>, number: &Number) -> Outcome<Value> {
        let Number { text, int, float, .. } = number;
        let prefixed = ["0x", "0X"].iter().any(|prefix| text.starts_with(prefix));
        let hexadecimal = prefixed && !text.contains(['p', 'P']);
        let point =
            text.contains(['.', 'e', 'E', 'p', 'P']) && !hexadecimal && !text.starts_with('\'');
        match (float, int) {
            (Some(float), _) if point => Ok(Value::Float(*float)),
            (_, Some(int)) => Ok(Value::Int(*int)),
            _ => Err(self.error(frame, format!("{text} overflows int"))),
        }
    }

    pub(super) fn variable(&self, frame: &Frame<'t>, name: &str) -> Outcome<Slot> {
        let found = frame.variables.iter().rev().find(|(known, _)| *known == name);
        found.map(|(_, slot)| slot.clone()).ok_or_else(|| self.undefined(frame, name))
    }

    pub(super) fn assign(&self, frame: &mut Frame<'t>, name: &str, slot: &Slot) -> Outcome<()> {
        match frame.variables.iter_mut().rev().find(|(known, _)| *known == name) {
            Some((_, held)) => {
                *held = slot.clone();
                Ok(())
            }
            None => Err(self.undefined(frame, name)),
        }
    }

    fn undefined(&self, frame: &Frame<'t>, name: &str) -> Error {
        self.error(frame, format!("undefined variable: {name}"))
    }

    /// What the fields of a chain are read from.
    pub(super) fn chain_receiver(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        chain: &'t Operand,
        inner: &'t Operand,
    ) -> Outcome<Slot> {
        frame.at = At::Operand(chain);
        if matches!(inner.kind, Kind::Nil) {
            return Err(self.error(frame, format!("indirection through explicit nil in {chain}")));
        }
        frame.at = At::Operand(inner);
        self.slot(frame, dot, inner)
    }

    /// The value of an operand that is no literal, or of one where any type will do.
    pub(super) fn slot(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        operand: &'t Operand,
    ) -> Outcome<Slot> {
        let nothing = (&[][..], None);
        frame.at = At::Operand(operand);
        match &operand.kind {
            Kind::Field(names) => self.chain(frame, dot, (dot.clone(), names, operand), nothing),
            Kind::Chain(inner, names) => {
                let receiver = self.chain_receiver(frame, dot, operand, inner)?;
                self.chain(frame, dot, (receiver, names, operand), nothing)
            }
            Kind::Function { name, callable } => {
                self.call(frame, dot, (name, callable, At::Operand(operand)), nothing)
            }
            Kind::Variable(names) => {
                let slot = self.variable(frame, &names[0])?;
                match &names[1..] {
                    [] => Ok(slot),
                    names => self.chain(frame, dot, (slot, names, operand), nothing),
                }
            }
            Kind::Pipe(pipe) => {
                self.nested(frame, |machine, frame| machine.pipeline(frame, dot, pipe))
            }
            _ => self.constant(frame, dot, operand),
        }
    }

    /// Reads field after field, the last one with arguments.
    pub(super) fn chain(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        (mut receiver, names, node): (Slot, &'t [String], &'t Operand),
        (arguments, piped): (&'t [Operand], Option<Slot>),
    ) -> Outcome<Slot> {
        let Some((last, names)) = names.split_last() else { return Ok(receiver) };
        for name in names {
            receiver = self.field(frame, dot, (receiver, name, node), (&[], None))?;
        }
        self.field(frame, dot, (receiver, last, node), (arguments, piped))
    }

    /// Reads a field, calls a method or looks up a key.
    fn field(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        (receiver, name, node): (Slot, &'t str, &'t Operand),
        (arguments, piped): (&'t [Operand], Option<Slot>),
    ) -> Outcome<Slot> {
        let Some(value) = receiver.value else {
            return match self.source.missing_key {
                MissingKey::Error => Err(self.error(
                    frame,
                    format!("nil data; no entry for key {}", quote::double(name.as_bytes())),
                )),
                _ => Ok(Slot::NOTHING),
            };
        };
        let applied = !arguments.is_empty() || piped.is_some();
        let declared = if receiver.boxed { Type::Any } else { value.type_of() };
        match &value {
            Value::Nil => {
                return Err(self.error(frame, format!("nil pointer evaluating {declared}.{name}")));
            }
            Value::Object(object) => {
                if let Some(method) = object.find_method(name) {
                    return self.call_method(
                        frame,
                        dot,
                        (name, method, At::Operand(node)),
                        (arguments, piped),
                    );
                }
                if let Some(value) = object.get(name) {
                    if applied {
                        let reason =
                            format!("{name} has arguments but cannot be invoked as function");
                        return Err(self.error(frame, reason));
                    }
                    return Ok(value.clone().into());
                }
            }
            Value::Map(map) if matches!(map.key_type(), Type::String | Type::Any) => {
                if applied {
                    return Err(
                        self.error(frame, format!("{name} is not a method but has arguments"))
                    );
                }
                let found = map.get(&name.into());
                return match (found, self.source.missing_key) {
                    (Some(value), _) => Ok(Slot::element(value, map.element_type())),
                    (None, MissingKey::Nothing) => Ok(Slot::NOTHING),
                    (None, MissingKey::Zero) => {
                        Ok(Slot::element(map.element_type().zero(), map.element_type()))
                    }
                    (None, MissingKey::Error) => {
                        let name = quote::double(name.as_bytes());
                        Err(self.error(frame, format!("map has no entry for key {name}")))
                    }
                };
            }
            _ => {}
        }
        Err(self.error(frame, format!("can't evaluate field {name} in type {declared}")))
    }
}
