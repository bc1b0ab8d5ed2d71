//! Certificates: read, judged, chosen by SNI.

pub mod read;
