//! What a command prints: lines for people, JSON and YAML for programs.

use std::io;

use serde_json::Value;

use super::terminal::{Report, Streams};

/// How a product is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Lines
    Text,
    /// Lines that say more
    Wide,
    /// JSON, indented by two
    Json,
    /// YAML
    Yaml,
}

/// The option that chooses among them.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Output {
    /// How the result is printed
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value = "text")]
    pub(crate) format: Format,
}

/// Standard output is gone.
#[derive(Debug, thiserror::Error)]
#[error("could not write standard output")]
pub(crate) struct Broken(#[from] io::Error);

impl Report for Broken {}

/// Prints `value` if a program reads it, and what `lines` makes otherwise.
pub(crate) fn print(
    streams: &mut Streams<'_>,
    format: Format,
    value: &Value,
    lines: impl FnOnce(bool) -> String,
) -> Result<(), Broken> {
    let text = match format {
        Format::Text => lines(false),
        Format::Wide => lines(true),
        Format::Json => format!("{value:#}\n"),
        Format::Yaml => yaml::write(value),
    };
    streams.output.write_all(text.as_bytes())?;
    Ok(streams.output.flush()?)
}

/// Rows under a heading, in columns.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let heading: Vec<String> = heading.iter().map(|&name| name.to_owned()).collect();
    let all = || std::iter::once(&heading).chain(rows);
    let width = |column: usize| {
        all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let mut out = String::new();
    for row in all() {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let padding = width(column).unwrap_or(0) - cell.chars().count() + 3;
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', padding));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
