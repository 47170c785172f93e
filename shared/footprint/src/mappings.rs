//! What the process has mapped, as `/proc/self/smaps` tells it.

use std::ptr;

use rustix::mm::{Advice, madvise};

use crate::Error;

/// Code that is in memory as its file has it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Code {
    start: usize,
    end: usize,
    /// How much of it is in memory, in bytes.
    pub(crate) resident: u64,
}

impl Code {
    /// Unmaps its pages until they are touched again; false if the kernel would not.
    #[expect(unsafe_code, reason = "advice about memory that no allocation of Rust's stands for")]
    pub(crate) fn unmap(&self) -> bool {
        let start = ptr::with_exposed_provenance_mut(self.start);
        // SAFETY: After `MADV_DONTNEED` the next access to a page of a private mapping reads it from
        // the file. This mapping may not be written and no page of it ever was, so what is read is
        // what was there. It is code, which is loaded for the life of the process: nothing unloads a
        // library, so no other mapping can have taken the place since it was listed.
        unsafe { madvise(start, self.end - self.start, Advice::LinuxDontNeed) }.is_ok()
    }
}

/// The code of program files in `smaps` of which no page was changed, as a debugger would.
pub(crate) fn code(smaps: &str) -> Result<Vec<Code>, Error> {
    let mut found = Vec::new();
    let mut current: Option<Code> = None;
    for line in smaps.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match *words.as_slice() {
            // `55e10a9c3000-55e10ab44000 r-xp 00018000 fe:00 1051 /usr/bin/sealer`
            [range, access, _, _, _, ref file @ ..] if !range.ends_with(':') => {
                found.extend(current.take());
                if access == "r-xp" && file.first().is_some_and(|file| file.starts_with('/')) {
                    let (start, end) = addresses(range).ok_or_else(|| unknown(line))?;
                    current = Some(Code { start, end, resident: 0 });
                }
            }
            // `Rss:                 136 kB`
            [field, amount, "kB"] => {
                let kib: u64 = amount.parse().map_err(|_| unknown(line))?;
                match (field, &mut current) {
                    ("Rss:", Some(code)) => code.resident = kib * 1024,
                    ("Anonymous:", Some(_)) if kib > 0 => current = None,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    found.extend(current);
    Ok(found)
}

fn addresses(range: &str) -> Option<(usize, usize)> {
    let (start, end) = range.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    Some((address(start)?, address(end)?)).filter(|(start, end)| start < end)
}

fn unknown(line: &str) -> Error {
    Error::Unknown { line: line.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
1000-2000 r--p 00000000 fe:00 1051 /usr/bin/sealer
Rss:                   4 kB
Anonymous:             0 kB
2000-5000 r-xp 00001000 fe:00 1051 /usr/bin/sealer
Size:                 12 kB
Rss:                   8 kB
Anonymous:             0 kB
THPeligible:           0
VmFlags: rd ex mr mw me sd
5000-6000 rw-p 00004000 fe:00 1051 /usr/bin/sealer
Rss:                   4 kB
7000-8000 r-xp 00000000 fe:00 7 /usr/lib/with a blank.so (deleted)
Rss:                   4 kB
Anonymous:             4 kB
9000-a000 r-xp 00000000 00:00 0 [vdso]
Rss:                   4 kB
b000-c000 rw-p 00000000 00:00 0
Rss:                   4 kB
";

    #[test]
    fn only_code_that_is_as_its_file_has_it_is_taken() {
        let found = code(SMAPS).expect("smaps of Linux");
        assert_eq!(found, [Code { start: 0x2000, end: 0x5000, resident: 8192 }]);
    }

    #[test]
    fn what_cannot_be_understood_is_an_error() {
        for bad in ["x-y r-xp 0 fe:00 1 /usr/bin/sealer", "5-2 r-xp 0 fe:00 1 /usr/bin/sealer"] {
            assert!(matches!(code(bad), Err(Error::Unknown { line }) if line == bad));
        }
        assert!(code("Rss: much kB").is_err());
    }
}
