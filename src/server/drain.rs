//! From serving to gone: one word from the main thread, heard by every worker.
//!
//! Draining means: accept nothing new, let requests finish and tell clients that
//! their connection ends, let tunnels go on until the limit, then cut.

use std::time::Duration;

/// What the process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Serving.
    Serving,
    /// Finishing what is open, at most for this long.
    Draining(Duration),
    /// Ending at once.
    Over,
}
