//! Pipelines, commands and operands.

use super::{Keyword, Outcome, Parser, Pipe, Sort};
use crate::{
    ast::{Command, Kind, Operand, Variable},
    function::Functions,
    number, quote,
    value::Value,
};

impl Parser<'_> {
    pub(super) fn pipeline(&mut self, context: &str, close: Sort) -> Outcome<Pipe> {
        let position = self.peek_non_space().position;
        let mut pipe =
            Pipe { position, assigns: false, variables: Vec::new(), commands: Vec::new() };
        self.declarations(context, &mut pipe)?;
        loop {
            let token = self.next_non_space();
            match token.sort {
                sort if sort == close => break,
                Sort::Bool
                | Sort::CharConstant
                | Sort::Complex
                | Sort::Keyword(Keyword::Dot | Keyword::Nil)
                | Sort::Field
                | Sort::Identifier
                | Sort::Number
                | Sort::RawString
                | Sort::String
                | Sort::Variable
                | Sort::LeftParen => {
                    self.at -= 1;
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return Err(self.unexpected(&token, context)),
            }
        }
        self.check(&pipe, context)?;
        Ok(pipe)
    }

    /// `$x :=`, `$x =`, and in a `range` also `$x, $y :=`.
    fn declarations(&mut self, context: &str, pipe: &mut Pipe) -> Outcome<()> {
        loop {
            let variable = self.peek_non_space();
            if variable.sort != Sort::Variable {
                return Ok(());
            }
            let start = self.at;
            self.next();
            let next = self.peek_non_space();
            let comma = next.sort == Sort::Char && next.text == ",";
            if !comma && !matches!(next.sort, Sort::Assign | Sort::Declare) {
                self.at = start;
                return Ok(());
            }
            self.next_non_space();
            let name = variable.text.into_owned();
            self.tree.variables.push(name.clone());
            pipe.variables.push(Variable { name });
            if !comma {
                pipe.assigns = next.sort == Sort::Assign;
                return Ok(());
            }
            if context != "range" || pipe.variables.len() > 1 {
                return Err(self.error(format!("too many declarations in {context}")));
            }
            if !matches!(
                self.peek_non_space().sort,
                Sort::Variable | Sort::RightDelimiter | Sort::RightParen
            ) {
                return Err(self.error("range can only initialize variables"));
            }
        }
    }

    fn check(&mut self, pipe: &Pipe, context: &str) -> Outcome<()> {
        if pipe.commands.is_empty() {
            return Err(self.error(format!("missing value for {context}")));
        }
        let inert = pipe.commands.iter().skip(1).position(|command| {
            matches!(
                command.operands[0].kind,
                Kind::Bool(_) | Kind::Dot | Kind::Nil | Kind::Number(_) | Kind::Text { .. }
            )
        });
        match inert {
            Some(index) => {
                Err(self.error(format!("non executable command in pipeline stage {}", index + 2)))
            }
            None => Ok(()),
        }
    }

    fn command(&mut self) -> Outcome<Command> {
        let mut command =
            Command { position: self.peek_non_space().position, operands: Vec::new() };
        loop {
            self.peek_non_space();
            command.operands.extend(self.operand()?);
            let token = self.next();
            match token.sort {
                Sort::Space => {}
                Sort::RightDelimiter | Sort::RightParen => {
                    self.at -= 1;
                    break;
                }
                Sort::Pipe => break,
                _ => return Err(self.unexpected(&token, "operand")),
            }
        }
        if command.operands.is_empty() {
            return Err(self.error("empty command"));
        }
        Ok(command)
    }

    /// A term and the fields after it.
    fn operand(&mut self) -> Outcome<Option<Operand>> {
        let Some(term) = self.term()? else { return Ok(None) };
        let first = self.peek();
        if first.sort != Sort::Field {
            return Ok(Some(term));
        }
        let mut fields = Vec::new();
        while self.peek().sort == Sort::Field {
            fields.push(self.next().text[1..].to_owned());
        }
        let position = first.position;
        let kind = match term.kind {
            Kind::Field(names) => Kind::Field(names.into_iter().chain(fields).collect()),
            Kind::Variable(names) => Kind::Variable(names.into_iter().chain(fields).collect()),
            Kind::Bool(_) | Kind::Text { .. } | Kind::Number(_) | Kind::Nil | Kind::Dot => {
                let term = quote::double(term.to_string().as_bytes());
                return Err(self.error(format!("unexpected . after term {term}")));
            }
            _ => Kind::Chain(Box::new(term), fields),
        };
        Ok(Some(Operand { position, kind }))
    }

    fn term(&mut self) -> Outcome<Option<Operand>> {
        let token = self.next_non_space();
        let kind = match token.sort {
            Sort::Identifier => self.function(&token.text)?,
            Sort::Keyword(Keyword::Dot) => Kind::Dot,
            Sort::Keyword(Keyword::Nil) => Kind::Nil,
            Sort::Variable => self.variable(&token.text)?,
            Sort::Field => Kind::Field(vec![token.text[1..].to_owned()]),
            Sort::Bool => Kind::Bool(token.text == "true"),
            Sort::CharConstant | Sort::Complex | Sort::Number => {
                Kind::Number(number::constant(&token).map_err(|reason| self.error(reason))?)
            }
            Sort::LeftParen => {
                let pipe = self
                    .nested(|parser| parser.pipeline("parenthesized pipeline", Sort::RightParen))?;
                return Ok(Some(Operand {
                    position: pipe.position,
                    kind: Kind::Pipe(Box::new(pipe)),
                }));
            }
            Sort::String | Sort::RawString => {
                let text = quote::unquote(&token.text)
                    .map_err(|malformed| self.error(malformed.to_string()))?;
                Kind::Text { quoted: token.text.into_owned(), value: Value::from(text) }
            }
            _ => {
                self.at -= 1;
                return Ok(None);
            }
        };
        Ok(Some(Operand { position: token.position, kind }))
    }

    fn function(&mut self, name: &str) -> Outcome<Kind> {
        let Some(callable) = self.functions.find(name) else {
            let (quoted, why) = (quote::double(name.as_bytes()), Functions::explain(name));
            return Err(self.error(format!("function {quoted} not defined{why}")));
        };
        Ok(Kind::Function { name: name.to_owned(), callable })
    }

    fn variable(&mut self, name: &str) -> Outcome<Kind> {
        if self.tree.variables.iter().any(|known| known == name) {
            return Ok(Kind::Variable(vec![name.to_owned()]));
        }
        Err(self.error(format!("undefined variable {}", quote::double(name.as_bytes()))))
    }
}
