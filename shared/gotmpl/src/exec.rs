//! The machine that renders a template.
//!
//! It follows Go's evaluation step by step, including which part of the template is "current" when
//! something fails, because errors name that part. Work is counted as it goes: see [`Scope`].

use zeroize::Zeroizing;

use crate::{
    Error, Limit, Limits, MissingKey, Place,
    ast::{Branch, Command, List, Node, Operand, Pipe},
    parse::Templates,
    print,
    value::{Type, Value},
};

mod call;
mod operand;
mod scope;

pub(crate) use scope::{Fault, Scope};

/// What is rendered.
#[derive(Clone, Copy)]
pub(crate) struct Source<'t> {
    pub(crate) name: &'t str,
    pub(crate) text: &'t str,
    pub(crate) templates: &'t Templates,
    pub(crate) missing_key: MissingKey,
}

/// Renders one template once.
pub(crate) struct Machine<'t> {
    source: Source<'t>,
    scope: Scope,
    out: Zeroizing<Vec<u8>>,
    depth: usize,
}

/// What one template knows while it is executed.
struct Frame<'t> {
    template: &'t str,
    variables: Vec<(&'t str, Slot)>,
    at: At<'t>,
}

/// The part of the template that is current.
#[derive(Clone, Copy)]
enum At<'t> {
    List(&'t List),
    Node(&'t Node),
    Pipe(&'t Pipe),
    Command(&'t Command),
    Operand(&'t Operand),
}

/// What an evaluation gives: a value, or nothing at all.
#[derive(Clone)]
struct Slot {
    value: Option<Value>,
    /// Whether it was read from a place that is declared as `interface {}`.
    boxed: bool,
}

impl Slot {
    const NOTHING: Self = Self { value: None, boxed: false };

    /// What an element of a list or map declared to hold `element` is.
    fn element(value: Value, element: &Type) -> Self {
        Self { value: Some(value), boxed: *element == Type::Any }
    }

    /// What is inside, if this is an interface.
    fn unboxed(self) -> Self {
        Self { value: self.value.filter(|value| !value.is_nil()), boxed: false }
    }

    fn is_true(&self) -> bool {
        self.value.as_ref().is_some_and(Value::is_true)
    }
}

impl From<Value> for Slot {
    fn from(value: Value) -> Self {
        Self { value: Some(value), boxed: false }
    }
}

/// How a list was left.
#[derive(PartialEq, Eq)]
enum Flow {
    Onward,
    Break,
    Continue,
}

type Outcome<T> = Result<T, Error>;

impl<'t> Machine<'t> {
    pub(crate) fn new(source: Source<'t>, limits: Limits) -> Self {
        Self { source, scope: Scope::new(limits), out: Zeroizing::default(), depth: 0 }
    }

    pub(crate) fn run(mut self, data: &Value) -> Result<Vec<u8>, Error> {
        let source = self.source;
        let Some(root) = source.templates.get(source.name) else { return Ok(Vec::new()) };
        let dot = Slot::from(data.clone()).unboxed();
        self.execute(source.name, root, &dot)?;
        Ok(std::mem::take(&mut *self.out))
    }

    fn execute(&mut self, template: &'t str, list: &'t List, dot: &Slot) -> Outcome<()> {
        let mut frame = Frame { template, variables: vec![("$", dot.clone())], at: At::List(list) };
        self.walk(&mut frame, dot, list).map(|_| ())
    }

    fn walk(&mut self, frame: &mut Frame<'t>, dot: &Slot, list: &'t List) -> Outcome<Flow> {
        frame.at = At::List(list);
        for node in &list.nodes {
            match self.node(frame, dot, node)? {
                Flow::Onward => {}
                leaving => return Ok(leaving),
            }
        }
        Ok(Flow::Onward)
    }

    fn node(&mut self, frame: &mut Frame<'t>, dot: &Slot, node: &'t Node) -> Outcome<Flow> {
        frame.at = At::Node(node);
        self.spend(frame, 1)?;
        match node {
            Node::Text { text, .. } => {
                self.out.extend_from_slice(text.as_bytes());
                self.check_output(frame)?;
            }
            Node::Action { pipe, .. } => {
                let slot = self.pipeline(frame, dot, pipe)?;
                if pipe.variables.is_empty() {
                    frame.at = At::Node(node);
                    self.print(frame, &slot)?;
                }
            }
            Node::If(branch) | Node::With(branch) => {
                return self.nested(frame, |machine, frame| {
                    machine.choose(frame, dot, branch, matches!(node, Node::With(_)))
                });
            }
            Node::Range(branch) => {
                return self
                    .nested(frame, |machine, frame| machine.range(frame, dot, node, branch));
            }
            Node::Template { name, pipe, .. } => {
                self.nested(frame, |machine, frame| {
                    machine.template(frame, dot, name, pipe.as_ref())
                })?;
            }
            Node::Break { .. } => return Ok(Flow::Break),
            Node::Continue { .. } => return Ok(Flow::Continue),
        }
        Ok(Flow::Onward)
    }

    /// `if` and `with`.
    fn choose(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        branch: &'t Branch,
        rebinds: bool,
    ) -> Outcome<Flow> {
        let mark = frame.variables.len();
        let slot = self.pipeline(frame, dot, &branch.pipe)?;
        let flow = match &branch.otherwise {
            _ if slot.is_true() => {
                self.walk(frame, if rebinds { &slot } else { dot }, &branch.list)
            }
            Some(otherwise) => self.walk(frame, dot, otherwise),
            None => Ok(Flow::Onward),
        };
        frame.variables.truncate(mark);
        flow
    }

    fn range(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        node: &'t Node,
        branch: &'t Branch,
    ) -> Outcome<Flow> {
        frame.at = At::Node(node);
        let mark = frame.variables.len();
        let over = self.pipeline(frame, dot, &branch.pipe)?;
        let mut rounds = self.rounds(frame, over, branch)?.peekable();
        let flow = if rounds.peek().is_none() {
            branch
                .otherwise
                .as_ref()
                .map_or(Ok(Flow::Onward), |otherwise| self.walk(frame, dot, otherwise))
        } else {
            self.repeat(frame, branch, rounds)
        };
        frame.variables.truncate(mark);
        flow
    }

    /// What a `range` goes through: indexes or keys, with elements.
    fn rounds(
        &self,
        frame: &Frame<'t>,
        over: Slot,
        branch: &Branch,
    ) -> Outcome<Box<dyn Iterator<Item = (Slot, Slot)>>> {
        let several = branch.pipe.variables.len() > 1;
        let counted = |last: i64, make: fn(i64) -> Value| {
            Box::new((0..last).map(move |number| (Slot::NOTHING, Slot::from(make(number)))))
        };
        match over.value {
            None => Ok(Box::new(std::iter::empty())),
            Some(Value::Int(_) | Value::Int64(_) | Value::Uint64(_) | Value::Uint8(_))
                if several =>
            {
                Err(self
                    .error(frame, "can't use an integer to iterate over more than one variable"))
            }
            Some(Value::Int(last)) => Ok(counted(last, Value::Int)),
            Some(Value::Int64(last)) => Ok(counted(last, Value::Int64)),
            Some(Value::Uint64(last)) => {
                Ok(Box::new((0..last).map(|number| (Slot::NOTHING, Value::Uint64(number).into()))))
            }
            Some(Value::Uint8(last)) => {
                Ok(Box::new((0..last).map(|number| (Slot::NOTHING, Value::Uint8(number).into()))))
            }
            Some(Value::List(list)) => Ok(Box::new((0..list.len()).map(move |index| {
                (Value::from(index).into(), Slot::element(list[index].clone(), list.element_type()))
            }))),
            Some(Value::Map(map)) => {
                Ok(Box::new(map.entries().into_iter().map(move |(key, element)| {
                    (Slot::element(key, map.key_type()), Slot::element(element, map.element_type()))
                })))
            }
            Some(other) => Err(self.error(
                frame,
                format!("range can't iterate over a value of type {}", other.type_of()),
            )),
        }
    }

    fn repeat(
        &mut self,
        frame: &mut Frame<'t>,
        branch: &'t Branch,
        rounds: impl Iterator<Item = (Slot, Slot)>,
    ) -> Outcome<Flow> {
        let mark = frame.variables.len();
        let pipe = &branch.pipe;
        for (index, element) in rounds {
            self.spend(frame, 1)?;
            let targets: &[_] = match pipe.variables.as_slice() {
                [first, second] => &[(first, index), (second, element.clone())],
                [only] => &[(only, element.clone())],
                _ => &[],
            };
            for (offset, (variable, slot)) in targets.iter().enumerate() {
                if pipe.assigns {
                    self.assign(frame, &variable.name, slot)?;
                } else {
                    frame.variables[mark - targets.len() + offset].1 = slot.clone();
                }
            }
            let flow = self.walk(frame, &element, &branch.list)?;
            frame.variables.truncate(mark);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::Onward)
    }

    fn template(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        name: &'t str,
        pipe: Option<&'t Pipe>,
    ) -> Outcome<()> {
        let Some(list) = self.source.templates.get(name) else {
            let name = crate::quote::double(name.as_bytes());
            return Err(self.error(frame, format!("template {name} not defined")));
        };
        let dot = match pipe {
            Some(pipe) => self.pipeline(frame, dot, pipe)?,
            None => Slot::NOTHING,
        };
        self.execute(name, list, &dot)
    }

    fn print(&mut self, frame: &Frame<'t>, slot: &Slot) -> Outcome<()> {
        match &slot.value {
            None => self.out.extend_from_slice(b"<no value>"),
            Some(value) => {
                let printed = print::value(&mut self.scope, value, &mut self.out);
                printed.map_err(|fault| self.fault(frame, fault))?;
            }
        }
        self.check_output(frame)
    }

    /// Goes one level deeper for as long as `go` takes.
    fn nested<T>(
        &mut self,
        frame: &mut Frame<'t>,
        go: impl FnOnce(&mut Self, &mut Frame<'t>) -> Outcome<T>,
    ) -> Outcome<T> {
        let most = self.scope.limits().depth;
        if self.depth >= most {
            return Err(self.fault(frame, Fault::Limit(Limit::Depth(most))));
        }
        self.depth += 1;
        let gone = go(self, frame);
        self.depth -= 1;
        gone
    }

    fn check_output(&self, frame: &Frame<'t>) -> Outcome<()> {
        self.scope.fits(self.out.len()).map_err(|fault| self.fault(frame, fault))
    }

    fn spend(&mut self, frame: &Frame<'t>, steps: u64) -> Outcome<()> {
        self.scope.spend(steps).map_err(|fault| self.fault(frame, fault))
    }

    fn error(&self, frame: &Frame<'t>, reason: impl Into<String>) -> Error {
        self.fault(frame, Fault::Reason(reason.into()))
    }

    /// What went wrong, at the part of the template that is current.
    fn fault(&self, frame: &Frame<'t>, fault: Fault) -> Error {
        let (position, context) = match frame.at {
            At::List(list) => (list.position, list.to_string()),
            At::Node(node) => (node.position(), node.to_string()),
            At::Pipe(pipe) => (pipe.position, pipe.to_string()),
            At::Command(command) => (command.position, command.to_string()),
            At::Operand(operand) => (operand.position, operand.to_string()),
        };
        let before = &self.source.text[..position];
        let place = Box::new(Place {
            name: self.source.name.into(),
            line: 1 + before.matches('\n').count(),
            column: position - before.rfind('\n').map_or(0, |newline| newline + 1),
            template: frame.template.into(),
            context,
        });
        match fault {
            Fault::Reason(reason) => Error::Render { place, reason },
            Fault::Limit(limit) => Error::Limit { place, limit },
        }
    }
}

#[cfg(test)]
mod tests;
