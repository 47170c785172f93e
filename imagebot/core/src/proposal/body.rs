//! The text of a pull request: the author's words, then a table of what changes.
//!
//! Old values come from files that anybody may have written, so they stand in code spans, where no
//! name is mentioned, no link is followed and no table is broken.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::setter::change::Changes;

/// Less than what any forge takes, with room for the marker.
const TEXT_MAX: usize = 60_000;
/// Files that a row names.
const FILES_MAX: usize = 5;

/// The text and the table, within what forges take.
pub(super) fn write(text: &str, changes: &Changes) -> String {
    let table = table(changes, TEXT_MAX / 2);
    let text = text.trim();
    // A marker in the author's text would be taken for ours.
    let text = text.replace("<!--", "&lt;!--");
    let room = TEXT_MAX - table.len();
    let shown = super::cut(&text, room.saturating_sub(8));
    let more = if shown.len() < text.len() { "…" } else { "" };
    match (text.is_empty(), table.is_empty()) {
        (true, _) => table,
        (false, true) => format!("{shown}{more}\n"),
        (false, false) => format!("{shown}{more}\n\n{table}"),
    }
}

/// One row for each image, old and new value, with the files in which it changes.
fn table(changes: &Changes, most: usize) -> String {
    let mut rows: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for (file, _, change) in changes.each() {
        let key = (&change.image.name, &change.policy, &change.old, &change.new);
        let files = rows.entry(key).or_default();
        if !files.contains(&file) {
            files.push(file);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let mut table = String::from("| Image | Policy | Change | Files |\n|---|---|---|---|\n");
    let count = rows.len();
    for (index, ((image, policy, old, new), files)) in rows.into_iter().enumerate() {
        let policy = format!("{}/{policy}", changes.namespace);
        let named: Vec<String> = files.iter().take(FILES_MAX).map(|file| code(file)).collect();
        let more = match files.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let row = format!(
            "| {} | {} | {} → {} | {}{more} |\n",
            code(image),
            code(&policy),
            code(old),
            code(new),
            named.join(", "),
        );
        if table.len() + row.len() > most {
            // Writing to a string cannot fail.
            let _ = writeln!(table, "\nand {} more", count - index);
            break;
        }
        table += &row;
    }
    table
}

/// `text` as a code span of one table cell.
fn code(text: &str) -> String {
    let shown: String = text
        .chars()
        .map(|char| match char {
            '`' => '\'',
            '|' => '¦',
            char if char.is_control() => ' ',
            char => char,
        })
        .take(200)
        .collect();
    match shown.trim() {
        "" => "(empty)".to_owned(),
        shown => format!("`{shown}`"),
    }
}
