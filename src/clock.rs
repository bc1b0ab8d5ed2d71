//! The time of day, from one place, so that a test can move it.
//!
//! Tokens and certificate judgement ask here; deadlines use tokio's monotonic
//! clock and never this one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where the time of day comes from.
#[derive(Debug, Clone, Copy, Default)]
pub enum Clock {
    /// The system's clock.
    #[default]
    System,
    /// Stands still at this many seconds after 1970-01-01T00:00:00Z.
    Fixed(u64),
}

impl Clock {
    /// Whole seconds since 1970-01-01T00:00:00Z; 0 where the system's clock is before that.
    pub fn unix_seconds(self) -> u64 {
        match self {
            Self::System => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs(),
            Self::Fixed(seconds) => seconds,
        }
    }
}
