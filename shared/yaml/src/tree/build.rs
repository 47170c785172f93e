//! From parser events to a tree without comments.
//!
//! The parser reports comments where its look-ahead met them, which is not always where they
//! stand. So they are set aside here and put in their places by offset, in `attach`.

use std::{borrow::Cow, collections::VecDeque, ops::Range};

use granit_parser::{
    Event, Parser, ScalarStyle, ScanError, Span, StrInput, StructureStyle, Tag as ParsedTag,
};

use super::{
    Anchor, Comment, Document, Entry, Item, Mapping, Node, Pair, Scalar, Sequence, Style, Tag,
    Value, attach, header,
};
use crate::error::{Error, Problem};

pub(super) fn documents(source: &str) -> Result<Vec<Document<'_>>, Error> {
    let mut builder = Builder::new(source);
    let mut documents = Vec::new();
    while let Some((event, span)) = builder.next()? {
        if let Event::DocumentStart(explicit, _) = event {
            documents.push(builder.document(explicit, &span)?);
        }
    }
    let mut comments = builder.comments;
    comments.make_contiguous().sort_by_key(|comment| comment.span.start);
    let starts: Vec<usize> = documents.iter().skip(1).map(|doc| doc.span.start).collect();
    for (index, document) in documents.iter_mut().enumerate() {
        let until = starts.get(index).copied().unwrap_or(usize::MAX);
        attach::comments(source, document, &mut comments, until);
    }
    Ok(documents)
}

struct Builder<'s> {
    source: &'s str,
    parser: Parser<'s, StrInput<'s>>,
    comments: VecDeque<Comment<'s>>,
    /// The end of the last token that has any bytes: a block scalar's header stands after it.
    last_end: usize,
}

impl<'s> Builder<'s> {
    fn new(source: &'s str) -> Self {
        let options = granit_parser::options! {
            emit_anchor_events: true,
            max_buffered_comment_events: usize::MAX,
        };
        let parser = Parser::new_from_str_with_options(source, options);
        Self { source, parser, comments: VecDeque::new(), last_end: 0 }
    }

    /// The next event that is not a comment.
    fn next(&mut self) -> Result<Option<(Event<'s>, Span)>, Error> {
        loop {
            let Some(next) = self.parser.next_event() else { return Ok(None) };
            let (event, span) = next.map_err(|err| syntax(&err))?;
            match event {
                Event::Comment(text, _) => self.comment(text, &span),
                event => return Ok(Some((event, span))),
            }
        }
    }

    /// The next event inside a document, where the stream cannot end.
    fn inside(&mut self) -> Result<(Event<'s>, Span), Error> {
        self.next()?.ok_or_else(|| {
            Error::new(1, 1, Problem::Syntax("the stream ends inside a document".into()))
        })
    }

    fn comment(&mut self, text: Cow<'s, str>, span: &Span) {
        let bytes = range(span);
        let before = self.source[..bytes.start].trim_end_matches([' ', '\t']);
        let trailing = !(before.is_empty() || before.ends_with(['\n', '\r', '\u{feff}']));
        let (line, column) = (span.start.line(), span.start.col() + 1);
        self.comments.push_back(Comment { span: bytes, text, line, column, trailing });
    }

    fn document(&mut self, explicit: bool, start: &Span) -> Result<Document<'s>, Error> {
        // An implicit start has the span of whatever token revealed it.
        let start = explicit.then(|| self.token(start));
        let (event, span) = self.inside()?;
        let root = self.node(event, &span)?;
        self.next()?;
        let Range { start, end } = start.unwrap_or_else(|| root.span.clone());
        let span = start..root.span.end.max(end);
        Ok(Document { root, comments: Vec::new(), explicit, span })
    }

    fn node(&mut self, event: Event<'s>, span: &Span) -> Result<Node<'s>, Error> {
        match event {
            Event::Scalar(text, style, _, tag) => self.scalar(text, style, tag.as_deref(), span),
            Event::Alias(id) => {
                let bytes = self.token(span);
                let name = Cow::Borrowed(self.source[bytes.clone()].trim_start_matches('*'));
                let span_of = bytes.clone();
                Ok(plant(span, bytes, None, Value::Alias(Anchor { id, name, span: span_of })))
            }
            Event::MappingStart(style, anchor, tag) => {
                self.mapping(style == StructureStyle::Flow, anchor, tag.as_deref(), span)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.sequence(style == StructureStyle::Flow, anchor, tag.as_deref(), span)
            }
            _ => Err(Error::new(
                span.start.line(),
                span.start.col() + 1,
                Problem::Syntax("a value was expected".into()),
            )),
        }
    }

    fn scalar(
        &mut self,
        text: Cow<'s, str>,
        style: ScalarStyle,
        tag: Option<&ParsedTag>,
        span: &Span,
    ) -> Result<Node<'s>, Error> {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted => Style::Single,
            ScalarStyle::DoubleQuoted => Style::Double,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
        };
        let before = self.last_end;
        let bytes = self.token(span);
        let (whole, content) = if style.is_block() {
            header::locate(self.source, before, bytes)
        } else {
            (bytes.clone(), bytes)
        };
        // The parser stands `~` for a value that is not there.
        let absent = style == Style::Plain && whole.is_empty();
        let text = if absent { Cow::Borrowed("") } else { text };
        let cut_off = style.is_block() && whole.end == self.source.len();
        let value = Value::Scalar(Scalar { text, style, content, cut_off });
        let mut node = plant(span, whole, tag_of(tag, span), value);
        if style.is_block() {
            (node.line, node.column) = self.position(span, node.span.start);
        }
        node.anchor = self.anchor()?;
        Ok(node)
    }

    fn mapping(
        &mut self,
        flow: bool,
        anchor: usize,
        tag: Option<&ParsedTag>,
        span: &Span,
    ) -> Result<Node<'s>, Error> {
        let start = self.token(span);
        let anchor = if anchor == 0 { None } else { self.anchor()? };
        let mut entries = Vec::new();
        let mut end = start.end;
        loop {
            let (event, at) = self.inside()?;
            if matches!(event, Event::MappingEnd) {
                end = if flow { self.token(&at).end } else { end };
                break;
            }
            let key = self.node(event, &at)?;
            let (event, at) = self.inside()?;
            let value = self.node(event, &at)?;
            end = end.max(key.span.end).max(value.span.end);
            entries.push(Entry::Pair(Box::new(Pair { key, value })));
        }
        let value = Value::Mapping(Mapping { entries, flow });
        let mut node = plant(span, start.start..end, tag_of(tag, span), value);
        node.anchor = anchor;
        Ok(node)
    }

    fn sequence(
        &mut self,
        flow: bool,
        anchor: usize,
        tag: Option<&ParsedTag>,
        span: &Span,
    ) -> Result<Node<'s>, Error> {
        let before = self.last_end;
        let mut start = self.token(span);
        if !flow {
            // The parser begins an unindented sequence after its first dash.
            start.start = header::dash(self.source, before, start.start).unwrap_or(start.start);
        }
        let anchor = if anchor == 0 { None } else { self.anchor()? };
        let mut items = Vec::new();
        let mut end = start.end;
        loop {
            let (event, at) = self.inside()?;
            if matches!(event, Event::SequenceEnd) {
                end = if flow { self.token(&at).end } else { end };
                break;
            }
            let item = self.node(event, &at)?;
            end = end.max(item.span.end);
            items.push(Item::Node(item));
        }
        let value = Value::Sequence(Sequence { items, flow });
        let mut node = plant(span, start.start..end, tag_of(tag, span), value);
        (node.line, node.column) = self.position(span, start.start);
        node.anchor = anchor;
        Ok(node)
    }

    /// The bytes of a token, remembered when there are any.
    fn token(&mut self, span: &Span) -> Range<usize> {
        let bytes = range(span);
        if !bytes.is_empty() {
            self.last_end = self.last_end.max(bytes.end);
        }
        bytes
    }

    /// The anchor of the node that was just read.
    fn anchor(&mut self) -> Result<Option<Anchor<'s>>, Error> {
        match self.parser.peek() {
            Some(Ok((Event::Anchor(..), _))) => {}
            _ => return Ok(None),
        }
        match self.parser.next_event() {
            Some(Ok((Event::Anchor(id, name), span))) => {
                Ok(Some(Anchor { id, name, span: range(&span) }))
            }
            Some(Err(err)) => Err(syntax(&err)),
            _ => Ok(None),
        }
    }

    /// Line and column of `at`, counted back from the start of `span`.
    fn position(&self, span: &Span, at: usize) -> (usize, usize) {
        let between = &self.source[at..range(span).start.max(at)];
        let breaks = between.replace("\r\n", "\n").matches(['\n', '\r']).count();
        let line_start = self.source[..at].rfind(['\n', '\r']).map_or(0, |index| index + 1);
        let before = self.source[line_start..at].trim_start_matches('\u{feff}');
        (span.start.line().saturating_sub(breaks).max(1), before.chars().count() + 1)
    }
}

fn plant<'s>(span: &Span, bytes: Range<usize>, tag: Option<Tag>, value: Value<'s>) -> Node<'s> {
    let (line, column) = (span.start.line(), span.start.col() + 1);
    Node { span: bytes, line, column, anchor: None, tag, value }
}

fn tag_of(tag: Option<&ParsedTag>, span: &Span) -> Option<Tag> {
    let tag = tag?;
    let (handle, suffix) = tag.parts();
    let name = match handle {
        "tag:yaml.org,2002:" | "!!" => format!("!!{suffix}"),
        _ => match format!("{handle}{suffix}") {
            long if long.starts_with("tag:yaml.org,2002:") => {
                long.replacen("tag:yaml.org,2002:", "!!", 1)
            }
            long => long,
        },
    };
    let bytes = span.tag_span().map_or(0..0, |span| range(&span));
    Some(Tag { name, span: bytes })
}

/// The bytes of an event. A parser over a `&str` gives every event some.
fn range(span: &Span) -> Range<usize> {
    span.byte_range().unwrap_or_default()
}

fn syntax(err: &ScanError) -> Error {
    let at = err.marker();
    Error::new(at.line(), at.col() + 1, Problem::Syntax(err.kind().to_string()))
}
