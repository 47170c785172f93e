//! Files of every format as people, and their tools, might write them: the same ones in every run.

use std::fmt::Write as _;

/// Numbers that look random and are not.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn roll(&mut self, sides: usize) -> usize {
        // Xorshift, of which the upper half is good enough.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % sides
    }

    fn one<'c>(&mut self, of: &[&'c str]) -> &'c str {
        of[self.roll(of.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }
}

const KEYS: &[&str] =
    &["user", "pass word", "a.b", "host_unencrypted", "x-y", "UPPER", "k1", "empty", "été"];

/// The spellings of YAML, each of which means one value.
const YAML: &[&str] = &[
    "plain text",
    "'it''s'",
    "\"tab\\there \\u00e9\"",
    "0x1F",
    "012",
    "0o14",
    "1_000",
    "1.10",
    "1e3",
    "-7",
    "+5",
    "2024-01-01",
    "2006-01-02T15:04:05+07:06",
    "true",
    "False",
    "~",
    "null",
    "''",
    "\"\"",
    ".inf",
    "yes",
    "'true'",
    "\"012\"",
    "'a: b'",
    "!!str 5",
    "[]",
    "{}",
    "9007199254740993",
    "x#y",
    "'#x'",
    "\"- z\"",
    "grüße 🔑",
    "0.1e-7",
    "12:30:45",
    "\"multi\\nline\\n\"",
    "\" padded \"",
];

pub(super) fn yaml(dice: &mut Dice) -> String {
    let mut text = String::new();
    for document in 0..=dice.roll(3) / 2 {
        if document > 0 {
            text.push_str("---\n");
        }
        yaml_map(dice, 0, &mut text);
    }
    if dice.chance(10) {
        text = text.replace('\n', "\r\n");
    }
    if dice.chance(15) {
        text.truncate(text.trim_end().len());
    }
    text
}

fn yaml_map(dice: &mut Dice, indent: usize, text: &mut String) {
    let step = [2, 4, 3][dice.roll(3)];
    for index in 0..=dice.roll(4) {
        let margin = " ".repeat(indent);
        if dice.chance(12) {
            text.push('\n');
        }
        let key = dice.one(KEYS);
        let _ = write!(text, "{margin}{key}{index}:");
        match dice.roll(9) {
            0 if indent < 9 => {
                text.push('\n');
                yaml_map(dice, indent + step, text);
            }
            1 => yaml_list(dice, indent, text),
            2 => {
                let style = dice.one(&["|", "|-", ">", ">-", "|+"]);
                let inner = " ".repeat(indent + 2);
                let _ = writeln!(text, " {style}\n{inner}first line\n{inner}second\n\n{inner}last");
            }
            3 => {
                let (one, two) = (yaml_flow(dice), yaml_flow(dice));
                let _ = writeln!(text, " {{a: {one},   b: [ {two} ]}}");
            }
            4 => {
                let _ =
                    writeln!(text, " &anchor{indent}x{index} {}", dice.one(&["shared", "0x10"]));
                let _ = writeln!(text, "{margin}alias{index}: *anchor{indent}x{index}");
            }
            _ => {
                let blanks = " ".repeat(1 + dice.roll(3));
                let value = yaml_scalar(dice);
                let _ = writeln!(text, "{blanks}{value}");
            }
        }
    }
}

fn yaml_list(dice: &mut Dice, indent: usize, text: &mut String) {
    text.push('\n');
    let margin = " ".repeat(indent + [0, 2][dice.roll(2)]);
    for index in 0..=dice.roll(3) {
        let value = yaml_scalar(dice);
        let _ = match dice.roll(4) {
            0 => writeln!(text, "{margin}- k{index}: {value}\n{margin}  other: 1"),
            1 => writeln!(text, "{margin}- - {value}\n{margin}  - x"),
            _ => writeln!(text, "{margin}- {value}"),
        };
    }
}

fn yaml_scalar<'c>(dice: &mut Dice) -> &'c str {
    dice.one(YAML)
}

fn yaml_flow<'c>(dice: &mut Dice) -> &'c str {
    dice.one(&["x", "'q'", "\"d\"", "0x1F", "1.10", "true", "2024-01-01", "~", "x y"])
}

pub(super) fn json(dice: &mut Dice) -> String {
    let layout = dice.roll(3);
    let mut text = String::new();
    json_map(dice, 0, layout, &mut text);
    if dice.chance(70) {
        text.push('\n');
    }
    text
}

const JSON: &[&str] = &[
    "\"text\"",
    "\"\"",
    "\"\\u00e9 \\/ \\\\ <&>\"",
    "\"\\ud83d\\ude00\"",
    "1",
    "-0",
    "1.0",
    "2.50",
    "1e3",
    "9007199254740993",
    "12345678901234567890",
    "1e-7",
    "true",
    "false",
    "null",
    "{}",
    "[]",
    "\"line\\nline\"",
];

fn json_map(dice: &mut Dice, depth: usize, layout: usize, text: &mut String) {
    let blank = |depth: usize| match layout {
        0 => String::new(),
        1 => format!("\n{}", "  ".repeat(depth)),
        _ => format!("\n{}", "\t".repeat(depth)),
    };
    let colon = [":", ": ", " : "][dice.roll(3)];
    text.push('{');
    for index in 0..=dice.roll(4) {
        let comma = if index == 0 { "" } else { "," };
        let key = dice.one(KEYS);
        let _ = write!(text, "{comma}{}\"{key}{index}\"{colon}", blank(depth + 1));
        match dice.roll(6) {
            0 if depth < 4 => json_map(dice, depth + 1, layout, text),
            1 => {
                let (one, two) = (dice.one(JSON), dice.one(JSON));
                let _ = write!(text, "[{one},{two}]");
            }
            _ => text.push_str(dice.one(JSON)),
        }
    }
    text.push_str(&blank(depth));
    text.push('}');
}

pub(super) fn dotenv(dice: &mut Dice) -> String {
    let mut text = String::new();
    for index in 0..=dice.roll(8) {
        let value =
            dice.one(&["plain", "'quoted'", "a=b=c", "", "with \\n break", " padded ", "é#x"]);
        let key = dice.one(&["KEY", "export NAME", "PLAIN_unencrypted", "a.b", "Z "]);
        let _ = match dice.roll(6) {
            0 => writeln!(text, "# comment {index}"),
            1 => writeln!(text, "#"),
            2 => writeln!(text),
            _ if key.ends_with("unencrypted") => writeln!(text, "K{index}{key}={value}"),
            _ => writeln!(text, "{key}{index}={value}"),
        };
    }
    if dice.chance(20) {
        text.truncate(text.trim_end().len());
    }
    text
}

pub(super) fn ini(dice: &mut Dice) -> String {
    let mut text = String::new();
    if dice.chance(30) {
        text.push_str("; about the file\n");
    }
    for section in 0..=dice.roll(3) {
        if section > 0 || dice.chance(60) {
            let _ = writeln!(text, "[section{}]", section / 2);
        }
        for index in 0..=dice.roll(5) {
            let value = dice.one(&[
                "plain",
                "'single'",
                "\"double\"",
                "`tick;ed`",
                "",
                "with = sign",
                "\"\"\"two\nlines\"\"\"",
                "long \\\n   continued",
                "value ; inline",
                "é",
            ]);
            let equals = dice.one(&["=", " = ", ": ", "   =   "]);
            if dice.chance(15) {
                let _ = writeln!(text, "# about key {index}\n;; more");
            }
            let suffix = dice.one(&["", "", "_unencrypted"]);
            let _ = writeln!(text, "key{section}{index}{suffix}{equals}{value}");
        }
        if dice.chance(60) {
            text.push('\n');
        }
    }
    if dice.chance(20) {
        text.truncate(text.trim_end().len());
    }
    text
}
