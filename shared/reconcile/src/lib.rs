//! The reconcile core that both daemons share.
