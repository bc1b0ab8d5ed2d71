//! The configuration: text → meaning.
//!
//! What is written twice has two types: `file` is the TOML as typed, with
//! places; `model` is what was meant, in valid states only; `resolve` leads from
//! one to the other and gathers every finding on the way.

pub mod finding;
pub mod model;
