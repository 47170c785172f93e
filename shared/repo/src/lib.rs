//! A Git remote as an object database: fetch, edit trees, commit, push.
