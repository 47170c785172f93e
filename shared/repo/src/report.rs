//! What to push, and what became of it.

use gix::ObjectId;

use crate::Secret;

/// One update of one reference.
#[derive(Debug, Clone)]
pub struct Push {
    /// The full name of the reference to update, such as `refs/heads/main` or `refs/for/main`.
    pub target: String,
    /// What it must point at for the update to be made.
    pub expect: Expect,
    /// Push options, which the server must take; none may contain a line break.
    pub options: Vec<String>,
}

/// What a reference must point at for its update to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Exactly this object.
    Is(ObjectId),
    /// Nothing: the update creates it.
    Absent,
    /// Whatever is there, read at the start of the push.
    Any,
}

/// What became of a push. Only [`Outcome::Pushed`] changed the remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The reference points at `new`.
    Pushed {
        /// Where it pointed before, if it existed.
        old: Option<ObjectId>,
        /// Where it points now; `None` after a deletion.
        new: Option<ObjectId>,
        /// What the server said meanwhile, such as the address of a new pull request.
        server_words: String,
    },
    /// The reference was where it should go already.
    UpToDate,
    /// Somebody else moved the reference: fetch, edit again, push again.
    Stale {
        /// Where it points, if it exists.
        actual: Option<ObjectId>,
    },
    /// The server refused.
    Rejected {
        /// The reference.
        reference: String,
        /// Git's reason, such as `pre-receive hook declined`.
        reason: String,
        /// What the server said beside it; untrusted text, at most 4 KiB.
        server_words: String,
    },
}

/// Makes the server's words fit for a condition: printable, bounded, without any of `secrets`.
pub(crate) fn tidy(words: &[u8], secrets: &[Secret]) -> String {
    let mut text = String::from_utf8_lossy(words).into_owned();
    let secrets = secrets.iter().filter_map(|secret| std::str::from_utf8(secret.expose()).ok());
    for secret in secrets.filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "***");
    }
    let mut lines: Vec<String> = text
        .split(['\n', '\r'])
        .map(|line| {
            line.chars().filter(|c| !c.is_control()).collect::<String>().trim_end().to_owned()
        })
        .filter(|line| !line.is_empty())
        .collect();
    lines.dedup();
    let mut text = lines.join("\n");
    if let Some((cut, _)) = text.char_indices().take_while(|(at, _)| *at <= LONGEST_WORDS).last()
        && text.len() > LONGEST_WORDS
    {
        text.truncate(cut);
    }
    text
}

const LONGEST_WORDS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_words_are_bounded_printable_and_never_our_secret() {
        let secrets = ["hunter2", ""].map(Secret::new);
        assert_eq!(tidy(b"\x1b[1mno\x07\r\n\nyes hunter2\n", &secrets), "[1mno\nyes ***");
        assert!(tidy("é".repeat(9000).as_bytes(), &[]).len() <= LONGEST_WORDS);
        assert_eq!(tidy(b"", &secrets), "");
    }
}
