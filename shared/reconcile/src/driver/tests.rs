//! Promises of the driver, held against the embedded API.
