//! Station 4: host and path → route.
//!
//! Host and path are parsed once, at the border, into types that cannot be
//! wrong; the bytes that go upstream are the bytes that came in.

pub mod host;
mod lax;
pub mod near;
pub mod path;
pub mod table;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

#[cfg(test)]
mod laws;
