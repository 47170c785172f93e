//! How the daemon is linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The table of relocations is read whole at every start and is a megabyte; packed it is some
    // kilobytes. glibc understands that since 2.36, musl since 1.2.4.
    println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
}
