//! The armor: strict PEM with one label and 64 columns.

use base64::{Engine as _, engine::general_purpose::STANDARD};

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";
const COLUMNS: usize = 64;

pub(super) fn is_armored(file: &[u8]) -> bool {
    file.trim_ascii_start().starts_with(BEGIN.as_bytes())
}

pub(super) fn encode(file: &[u8]) -> String {
    let base64 = STANDARD.encode(file);
    let mut text = format!("{BEGIN}\n");
    for line in base64.as_bytes().chunks(COLUMNS) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text.push_str(END);
    text.push('\n');
    text
}

/// Blanks may surround the armor; within it every byte is prescribed but for the ends of lines.
pub(super) fn decode(text: &[u8]) -> Result<Vec<u8>, &'static str> {
    let text = std::str::from_utf8(text.trim_ascii()).map_err(|_| "it is not text")?;
    let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    if lines.next() != Some(BEGIN) {
        return Err("its first line is not the one that begins an age file");
    }
    let mut base64 = String::with_capacity(text.len());
    let mut short = false;
    loop {
        match lines.next() {
            None => return Err("its last line is missing"),
            Some(END) => break,
            Some(_) if short => return Err("a line before the last is short"),
            Some("") => return Err("a line is empty"),
            Some(line) if line.len() > COLUMNS => return Err("a line is too long"),
            Some(line) => {
                short = line.len() < COLUMNS;
                base64.push_str(line);
            }
        }
    }
    if lines.next().is_some() {
        return Err("something follows it");
    }
    STANDARD.decode(base64).map_err(|_| "it is not base64")
}
