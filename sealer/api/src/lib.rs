//! The custom resources that sealer serves.
