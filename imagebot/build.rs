//! How the daemon is linked.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=layout.ld");
    println!("cargo::rerun-if-env-changed=SIGNET_PLAIN_LAYOUT");
    let is = |name, value| env::var_os(name).is_some_and(|found| found == value);
    if !is("CARGO_CFG_TARGET_OS", "linux") {
        return;
    }
    // The table of relocations is read whole at every start and is a megabyte; packed it is some
    // kilobytes. glibc understands that since 2.36, musl since 1.2.4.
    println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    // The kernel maps code in windows of 64 KiB, so what runs is laid together. The script only adds
    // to the linker's own layout; a name that is no longer there changes nothing. The variable is for
    // linkers that know no scripts.
    let plain = env::var_os("SIGNET_PLAIN_LAYOUT").is_some();
    if is("PROFILE", "release") && !plain {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/layout.ld");
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{script}");
    }
}
