//! Certificates: read, judged, kept by name.
