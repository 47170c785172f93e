//! The daemon that turns new images into commits and pull requests.

fn main() {}
