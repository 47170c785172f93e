//! A Kubernetes API in the process, on an embedded store.
