//! Gives memory back that only the start of a process needed.
//!
//! Most of a quiet daemon's resident memory is its own code: the kernel maps 64 KiB around each place
//! that ever ran, and nothing unmaps it while memory is plenty. [`shrink`] unmaps all of it; what
//! still runs is mapped again at its next step, from the page cache, within microseconds.

#[cfg(target_os = "linux")]
mod mappings;

/// Why memory was not given back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel does not tell what is mapped.
    #[error("could not read what is mapped")]
    Read(#[from] std::io::Error),
    /// What the kernel tells is not what it is known to tell.
    #[error("the kernel tells of memory in an unknown way: `{line}`")]
    Unknown {
        /// The line of `/proc/self/smaps`.
        line: String,
    },
}

/// Unmaps the code of the program and its libraries, and says how many bytes of it were resident.
///
/// Other systems than Linux are left as they are.
pub fn shrink() -> Result<u64, Error> {
    #[cfg(target_os = "linux")]
    {
        let code = mappings::code(&std::fs::read_to_string("/proc/self/smaps")?)?;
        Ok(code.iter().filter(|code| code.unmap()).map(|code| code.resident).sum())
    }
    #[cfg(not(target_os = "linux"))]
    Ok(0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_was_unmapped_is_there_again_when_it_is_needed() {
        let before = shrink().expect("Linux tells what is mapped");
        let after = shrink().expect("this code runs again");
        assert!(after < before, "{after} of {before} bytes were needed for the second call");
        assert!(after > 0);
    }
}
