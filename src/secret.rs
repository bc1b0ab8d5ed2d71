//! A value that must not be seen: keys, tokens, cookies.
//!
//! It refuses to show itself: `Debug` prints `***`, and there is no `Display`
//! and no serialisation. Whoever needs the value says so with [`Secret::reveal`].

pub mod source;

use std::fmt;

/// A value whose `Debug` prints `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a value that must not be logged.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the one place that has to use it.
    pub fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_value() {
        let shown = format!("{:?}", Some(Secret::new("26-character-session-token")));
        assert_eq!(shown, "Some(***)");
    }
}
