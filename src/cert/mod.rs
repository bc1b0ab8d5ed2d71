//! Certificates: read, judged, put right.
//!
//! It fetches nothing and renews nothing, and refuses to start on what would lock
//! some clients out without a word to anybody: a bare leaf above all.

mod chain;
mod judge;
mod key;
mod load;
mod member;
mod missing;
pub mod pem;
pub mod read;
mod roots;
#[cfg(test)]
mod testing;

pub use self::load::{Loaded, NotLoaded, load};
