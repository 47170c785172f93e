//! The flags of kubeseal, and its help.

use std::fmt::Write as _;

use super::value::Kind;

/// A flag.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag {
    pub(super) name: &'static str,
    pub(super) short: Option<char>,
    pub(super) kind: Kind,
    pub(super) default: &'static str,
    /// What it does; a flag without is left out of the help.
    about: &'static str,
}

impl Flag {
    /// Whether it is about klog, which kubeseal carries and hardly uses.
    pub(super) fn is_of_klog(&self) -> bool {
        self.about == KLOG
    }
}

/// What help says of the flags of klog.
const KLOG: &str = "accepted for the sake of scripts; there is no log that it could change";

const fn flag(name: &'static str, kind: Kind, about: &'static str) -> Flag {
    Flag { name, short: None, kind, default: "", about }
}

const fn short(name: &'static str, short: char, kind: Kind, about: &'static str) -> Flag {
    Flag { name, short: Some(short), kind, default: "", about }
}

const fn with(flag: Flag, default: &'static str) -> Flag {
    Flag { default, ..flag }
}

/// The flag that help is.
pub(super) fn help() -> &'static Flag {
    FLAGS.iter().find(|flag| flag.name == "help").expect("the table has it")
}

#[rustfmt::skip]
pub(super) const FLAGS: &[Flag] = &[
    flag("add_dir_header", Kind::Switch, KLOG),
    flag("allow-empty-data", Kind::Switch, "seal a Secret without data too"),
    flag("alsologtostderr", Kind::Switch, KLOG),
    flag("alsologtostderrthreshold", Kind::Severity, KLOG),
    flag("as", Kind::Text, "the user in whose place the API server is asked"),
    flag("as-group", Kind::Each, "a group in whose place the API server is asked; may be repeated"),
    flag("as-uid", Kind::Text, "the UID in whose place the API server is asked"),
    flag("cert", Kind::Text, "the certificate to seal for, a file or a URL, instead of asking the controller"),
    flag("certificate-authority", Kind::Text, "the file of the authority that certifies the API server"),
    flag("client-certificate", Kind::Text, "the file of the certificate with which the API server is asked"),
    flag("client-key", Kind::Text, "the file of that certificate's key"),
    flag("cluster", Kind::Text, "the kubeconfig's cluster"),
    flag("context", Kind::Text, "the kubeconfig's context"),
    with(flag("controller-name", Kind::Text, "the name of the controller's Service"), "sealed-secrets-controller"),
    with(flag("controller-namespace", Kind::Text, "the namespace of the controller's Service"), "kube-system"),
    flag("disable-compression", Kind::Switch, "ask the API server for answers that are not compressed"),
    flag("fetch-cert", Kind::Switch, "print the certificate, for a later --cert"),
    with(short("format", 'o', Kind::Text, "how the result is printed: json or yaml"), "json"),
    flag("from-file", Kind::List, "the file of the value for --raw, as PATH or KEY=PATH"),
    flag("help", Kind::Switch, "print this help"),
    flag("insecure-skip-tls-verify", Kind::Switch, "do not check the API server's certificate; whoever is on the way can then change what is asked"),
    flag("kubeconfig", Kind::Text, "the kubeconfig file"),
    flag("legacy_stderr_threshold_behavior", Kind::Switch, KLOG),
    flag("log_backtrace_at", Kind::Trace, KLOG),
    flag("log_dir", Kind::Text, KLOG),
    flag("log_file", Kind::Text, KLOG),
    flag("log_file_max_size", Kind::Size, KLOG),
    flag("logtostderr", Kind::Switch, KLOG),
    flag("merge-into", Kind::Text, "the SealedSecret file into which the sealed values go, instead of standard output"),
    flag("name", Kind::Text, "the name of the SealedSecret; --raw with the strict scope needs it"),
    short("namespace", 'n', Kind::Text, "the namespace, if the Secret has none"),
    flag("one_output", Kind::Switch, KLOG),
    flag("password", Kind::Text, "the password for basic authentication at the API server"),
    flag("proxy-url", Kind::Text, "the proxy on the way to the API server"),
    flag("raw", Kind::Switch, "seal one bare value instead of a Secret"),
    flag("re-encrypt", Kind::Switch, "let the controller seal a SealedSecret for its newest key"),
    flag("recovery-private-key", Kind::List, "files of private keys for --recovery-unseal: PEM, a key's Secret, or a List of them"),
    flag("recovery-unseal", Kind::Switch, "open a SealedSecret with --recovery-private-key, without a cluster"),
    with(flag("request-timeout", Kind::Text, "how long the API server may take, as 1s or 2m; zero is for ever"), "0"),
    flag("rotate", Kind::Switch, ""),
    with(flag("scope", Kind::Scope, "where the result may be unsealed: strict, namespace-wide or cluster-wide; with strict the Secret's annotations decide"), "strict"),
    short("sealed-secret-file", 'w', Kind::Text, "the file for the result; its name may ask for YAML"),
    short("secret-file", 'f', Kind::Text, "the file of the Secret"),
    flag("server", Kind::Text, "the address of the API server"),
    flag("skip_headers", Kind::Switch, KLOG),
    flag("skip_log_headers", Kind::Switch, KLOG),
    flag("stderrthreshold", Kind::Severity, KLOG),
    flag("tls-server-name", Kind::Text, "the name in the API server's certificate, if it is not that of its address"),
    flag("token", Kind::Text, "the bearer token for the API server"),
    flag("user", Kind::Text, "the kubeconfig's user"),
    flag("username", Kind::Text, "the user for basic authentication at the API server"),
    short("v", 'v', Kind::Level, KLOG),
    flag("validate", Kind::Switch, "ask the controller whether it can open a SealedSecret"),
    flag("version", Kind::Switch, "print the version"),
    flag("vmodule", Kind::Modules, KLOG),
];

/// The help, laid out as pflag does it.
pub(in super::super) fn usage() -> String {
    let shown = || FLAGS.iter().filter(|flag| !flag.about.is_empty());
    let head = |flag: &Flag| {
        let short = flag.short.map_or("    ".to_owned(), |short| format!("-{short}, "));
        format!("  {short}--{} {}", flag.name, flag.kind.name()).trim_end().to_owned()
    };
    let width = shown().map(|flag| head(flag).len()).max().unwrap_or_default();
    let mut text = "Usage of kubeseal:\n".to_owned();
    for flag in shown() {
        let default = match flag.default {
            "" | "0" => String::new(),
            default => format!(" (default {default:?})"),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:width$}   {}{default}", head(flag), flag.about);
    }
    text
}
