//! The custom resources that imagebot serves.
