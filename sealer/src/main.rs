//! The daemon that turns sealed, SOPS-encrypted and externally stored values into Kubernetes Secrets.

fn main() {}
