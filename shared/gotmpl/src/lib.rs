//! Go text/template with sprig's pure functions, sandboxed and bounded.
