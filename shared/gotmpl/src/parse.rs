//! Tokens made into templates.
//!
//! The grammar, its errors and the lines they name are Go's. Nesting is limited, because both this
//! parser and the machine that runs its result recurse.

use std::collections::BTreeMap;

use crate::{
    Error,
    ast::{Branch, List, Node, Pipe},
    function::Functions,
    lex::{self, Keyword, Sort, Token},
    quote,
};

/// How deep blocks and parentheses may nest.
const NESTING: usize = 100;

/// The templates that one text defines, by name.
pub(crate) type Templates = BTreeMap<String, List>;

/// Parses `text`, the template called `name`.
pub(crate) fn parse(name: &str, text: &str, functions: &Functions) -> Result<Templates, Error> {
    let mut parser = Parser {
        name,
        functions,
        tokens: lex::lex(text),
        at: 0,
        fetched: 0,
        nesting: 0,
        tree: Tree::default(),
        templates: Templates::new(),
    };
    let root = parser.root()?;
    parser.define(name.to_owned(), root)?;
    Ok(parser.templates)
}

struct Parser<'t> {
    name: &'t str,
    functions: &'t Functions,
    tokens: Vec<Token<'t>>,
    at: usize,
    /// How many tokens were ever looked at.
    fetched: usize,
    nesting: usize,
    tree: Tree,
    templates: Templates,
}

/// What belongs to the definition being parsed.
struct Tree {
    variables: Vec<String>,
    /// How many loops the parser is in.
    loops: usize,
    /// The line on which the action being parsed starts; 0 outside one.
    action_line: usize,
    /// The line of the last token fetched; the one that errors name.
    line: usize,
}

impl Default for Tree {
    fn default() -> Self {
        Self { variables: vec!["$".into()], loops: 0, action_line: 0, line: 0 }
    }
}

/// What ends a list.
enum Ending {
    End,
    Else { position: usize },
}

impl Ending {
    fn describe(&self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else { .. } => "{{else}}",
        }
    }
}

enum Item {
    Node(Node),
    Ending(Ending),
}

type Outcome<T> = Result<T, Error>;

impl<'t> Parser<'t> {
    fn root(&mut self) -> Outcome<List> {
        let mut list = List { position: self.peek().position, nodes: Vec::new() };
        loop {
            match self.peek().sort {
                Sort::End => return Ok(list),
                Sort::LeftDelimiter => {
                    let start = self.at;
                    self.next();
                    if self.next_non_space().sort == Sort::Keyword(Keyword::Define) {
                        self.definition()?;
                        continue;
                    }
                    self.at = start;
                }
                _ => {}
            }
            match self.text_or_action()? {
                Item::Node(node) => list.nodes.push(node),
                Item::Ending(ending) => {
                    return Err(self.error(format!("unexpected {}", ending.describe())));
                }
            }
        }
    }

    /// The rest of `{{define "name"}} ... {{end}}`.
    fn definition(&mut self) -> Outcome<()> {
        const CONTEXT: &str = "define clause";
        let outer = std::mem::take(&mut self.tree);
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        self.expect(Sort::RightDelimiter, CONTEXT)?;
        let list = self.body(CONTEXT)?;
        self.define(name, list)?;
        self.tree = outer;
        Ok(())
    }

    /// The list of a definition, up to its `{{end}}`.
    fn body(&mut self, context: &str) -> Outcome<List> {
        match self.list()? {
            (list, Ending::End) => Ok(list),
            (_, ending) => {
                Err(self.error(format!("unexpected {} in {context}", ending.describe())))
            }
        }
    }

    fn define(&mut self, name: String, list: List) -> Outcome<()> {
        let replaces = self.templates.get(&name).is_none_or(List::is_blank);
        if replaces {
            self.templates.insert(name, list);
        } else if !list.is_blank() {
            let name = quote::double(name.as_bytes());
            return Err(self.error(format!("template: multiple definition of template {name}")));
        }
        Ok(())
    }

    fn list(&mut self) -> Outcome<(List, Ending)> {
        let mut list = List { position: self.peek_non_space().position, nodes: Vec::new() };
        while self.peek_non_space().sort != Sort::End {
            match self.text_or_action()? {
                Item::Node(node) => list.nodes.push(node),
                Item::Ending(ending) => return Ok((list, ending)),
            }
        }
        Err(self.error("unexpected EOF"))
    }

    fn text_or_action(&mut self) -> Outcome<Item> {
        let token = self.next_non_space();
        match token.sort {
            Sort::Text => Ok(Item::Node(Node::Text {
                position: token.position,
                text: token.text.into_owned(),
            })),
            Sort::LeftDelimiter => {
                self.tree.action_line = token.line;
                let item = self.nested(Self::action)?;
                self.tree.action_line = 0;
                Ok(item)
            }
            _ => Err(self.unexpected(&token, "input")),
        }
    }

    fn action(&mut self) -> Outcome<Item> {
        let token = self.next_non_space();
        let position = token.position;
        Ok(Item::Node(match token.sort {
            Sort::Keyword(Keyword::Block) => self.block()?,
            Sort::Keyword(Keyword::Break) => {
                self.leave("{{break}}")?;
                Node::Break { position }
            }
            Sort::Keyword(Keyword::Continue) => {
                self.leave("{{continue}}")?;
                Node::Continue { position }
            }
            Sort::Keyword(Keyword::Else) => return self.otherwise().map(Item::Ending),
            Sort::Keyword(Keyword::End) => {
                self.expect(Sort::RightDelimiter, "end")?;
                return Ok(Item::Ending(Ending::End));
            }
            Sort::Keyword(Keyword::If) => Node::If(self.branch(Keyword::If)?),
            Sort::Keyword(Keyword::Range) => Node::Range(self.branch(Keyword::Range)?),
            Sort::Keyword(Keyword::With) => Node::With(self.branch(Keyword::With)?),
            Sort::Keyword(Keyword::Template) => self.template()?,
            _ => {
                self.at -= 1;
                Node::Action { position, pipe: self.pipeline("command", Sort::RightDelimiter)? }
            }
        }))
    }

    fn leave(&mut self, what: &str) -> Outcome<()> {
        let token = self.next_non_space();
        if token.sort != Sort::RightDelimiter {
            return Err(self.unexpected(&token, what));
        }
        if self.tree.loops == 0 {
            return Err(self.error(format!("{what} outside {{{{range}}}}")));
        }
        Ok(())
    }

    fn otherwise(&mut self) -> Outcome<Ending> {
        let peeked = self.peek_non_space();
        if matches!(peeked.sort, Sort::Keyword(Keyword::If | Keyword::With)) {
            return Ok(Ending::Else { position: peeked.position });
        }
        let token = self.expect(Sort::RightDelimiter, "else")?;
        Ok(Ending::Else { position: token.position })
    }

    /// The rest of `{{if ...}}`, `{{with ...}}` or `{{range ...}}`, with all of its `else`.
    fn branch(&mut self, word: Keyword) -> Outcome<Branch> {
        let variables = self.tree.variables.len();
        let loops = usize::from(word == Keyword::Range);
        let context = match word {
            Keyword::Range => "range",
            Keyword::With => "with",
            _ => "if",
        };
        let pipe = self.pipeline(context, Sort::RightDelimiter)?;
        self.tree.loops += loops;
        let (list, ending) = self.list()?;
        self.tree.loops -= loops;
        let otherwise = match ending {
            Ending::End => None,
            Ending::Else { position } => Some(self.else_list(word, position)?),
        };
        self.tree.variables.truncate(variables);
        Ok(Branch { position: pipe.position, pipe, list, otherwise })
    }

    fn else_list(&mut self, word: Keyword, position: usize) -> Outcome<List> {
        let chained = word != Keyword::Range && self.peek().sort == Sort::Keyword(word);
        if chained {
            self.next();
            let branch = self.nested(|parser| parser.branch(word))?;
            let node = if word == Keyword::If { Node::If(branch) } else { Node::With(branch) };
            return Ok(List { position, nodes: vec![node] });
        }
        match self.list()? {
            (list, Ending::End) => Ok(list),
            (_, ending) => Err(self.error(format!("expected end; found {}", ending.describe()))),
        }
    }

    /// The rest of `{{block "name" pipeline}} ... {{end}}`: a definition and its use.
    fn block(&mut self) -> Outcome<Node> {
        const CONTEXT: &str = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Sort::RightDelimiter)?;
        let outer = std::mem::take(&mut self.tree);
        let list = self.body(CONTEXT)?;
        self.define(name.clone(), list)?;
        self.tree = outer;
        Ok(Node::Template { position: token.position, name, pipe: Some(pipe) })
    }

    fn template(&mut self) -> Outcome<Node> {
        const CONTEXT: &str = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = if self.next_non_space().sort == Sort::RightDelimiter {
            None
        } else {
            self.at -= 1;
            Some(self.pipeline(CONTEXT, Sort::RightDelimiter)?)
        };
        Ok(Node::Template { position: token.position, name, pipe })
    }

    fn template_name(&mut self, token: &Token<'t>, context: &str) -> Outcome<String> {
        if !matches!(token.sort, Sort::String | Sort::RawString) {
            return Err(self.unexpected(token, context));
        }
        let name =
            quote::unquote(&token.text).map_err(|malformed| self.error(malformed.to_string()))?;
        Ok(String::from_utf8_lossy(&name).into_owned())
    }
}

mod pipeline;
mod tokens;
