//! What edits do to a file, line by line, as `diff -u` tells it.

use yaml::edit::Edit;

/// Lines that stay around lines that change.
const CONTEXT: usize = 3;

/// A line of a diff, without its line break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// `--- a/file`, `+++ b/file`.
    File(String),
    /// `@@ -1,3 +1,3 @@`.
    Hunk(String),
    /// A line that stays.
    Same(String),
    /// A line that goes.
    Old(String),
    /// A line that comes.
    New(String),
    /// That the line above does not end in a line break.
    NoNewline,
}

/// Consecutive lines, by number from 0, that become other lines.
struct Block {
    old: std::ops::Range<usize>,
    new: String,
}

/// The difference that `edits`, in order, make to `text`. Nothing if there are none.
pub fn unified(file: &str, text: &str, edits: &[Edit]) -> Vec<Line> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut starts = Vec::with_capacity(lines.len());
    let mut at = 0;
    for line in &lines {
        starts.push(at);
        at += line.len();
    }
    let blocks = blocks(text, edits, &starts);
    let mut out = Vec::new();
    if !blocks.is_empty() {
        out.push(Line::File(format!("--- a/{file}")));
        out.push(Line::File(format!("+++ b/{file}")));
    }
    let mut moved = 0_isize;
    let mut rest = blocks.as_slice();
    while !rest.is_empty() {
        let near = |pair: &[Block]| pair[1].old.start - pair[0].old.end <= 2 * CONTEXT;
        let count = 1 + rest.windows(2).take_while(|pair| near(pair)).count();
        let (hunk, after) = rest.split_at(count);
        rest = after;
        moved += self::hunk(&lines, hunk, moved, &mut out);
    }
    out
}

/// Groups edits by the lines that they touch.
fn blocks(text: &str, edits: &[Edit], starts: &[usize]) -> Vec<Block> {
    let line_of = |at: usize| starts.partition_point(|start| *start <= at).saturating_sub(1);
    let end_of = |line: usize| starts.get(line + 1).copied().unwrap_or(text.len());
    let mut blocks: Vec<Block> = Vec::new();
    let mut done = 0;
    for edit in edits {
        let (first, last) =
            (line_of(edit.span.start), line_of(edit.span.end.max(edit.span.start + 1) - 1));
        let open = blocks.last().filter(|block| first < block.old.end);
        if open.is_none() {
            if let Some(block) = blocks.last_mut() {
                block.new.push_str(&text[done..end_of(block.old.end - 1)]);
            }
            done = starts.get(first).copied().unwrap_or(0);
            blocks.push(Block { old: first..first + 1, new: String::new() });
        }
        let Some(block) = blocks.last_mut() else { continue };
        block.old.end = block.old.end.max(last + 1);
        block.new.push_str(&text[done..edit.span.start]);
        block.new.push_str(&edit.text);
        done = edit.span.end;
    }
    if let Some(block) = blocks.last_mut() {
        block.new.push_str(&text[done..end_of(block.old.end - 1)]);
    }
    blocks
}

/// Writes one hunk; returns by how many lines it grows the file.
fn hunk(lines: &[&str], blocks: &[Block], moved: isize, out: &mut Vec<Line>) -> isize {
    let (first, last) = (&blocks[0].old, &blocks[blocks.len() - 1].old);
    let from = first.start.saturating_sub(CONTEXT);
    let to = (last.end + CONTEXT).min(lines.len());
    let mut body = Vec::new();
    let mut at = from;
    let mut grown = 0;
    for block in blocks {
        for line in &lines[at..block.old.start] {
            put(Line::Same, line, &mut body);
        }
        for line in &lines[block.old.clone()] {
            put(Line::Old, line, &mut body);
        }
        let new: Vec<&str> = block.new.split_inclusive('\n').collect();
        for line in &new {
            put(Line::New, line, &mut body);
        }
        grown += new.len().cast_signed() - block.old.len().cast_signed();
        at = block.old.end;
    }
    for line in &lines[at..to] {
        put(Line::Same, line, &mut body);
    }
    let (start, length) = (from.cast_signed() + 1, (to - from).cast_signed());
    let sides = [(start, length), (start + moved, length + grown)].map(|(start, length)| {
        if length == 1 { start.to_string() } else { format!("{start},{length}") }
    });
    out.push(Line::Hunk(format!("@@ -{} +{} @@", sides[0], sides[1])));
    out.append(&mut body);
    grown
}

fn put(kind: fn(String) -> Line, line: &str, out: &mut Vec<Line>) {
    match line.strip_suffix('\n') {
        Some(line) => out.push(kind(line.to_owned())),
        None => out.extend([kind(line.to_owned()), Line::NoNewline]),
    }
}

/// The line with its sign, as `patch` reads it.
impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(text) | Self::Hunk(text) => f.write_str(text),
            Self::Same(text) => write!(f, " {text}"),
            Self::Old(text) => write!(f, "-{text}"),
            Self::New(text) => write!(f, "+{text}"),
            Self::NoNewline => f.write_str("\\ No newline at end of file"),
        }
    }
}

#[cfg(test)]
mod tests;
