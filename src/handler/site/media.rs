//! What a file's name says of its content: the media type, and whether compressing it is worth while.
//!
//! The table is `mime_guess`'s. Nothing here looks into a file.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use http::HeaderValue;

/// The type of a file, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Media(&'static str);

/// Whether a coding makes a type smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Squeeze {
    /// Text and the like: compressed as it is sent where no compressed sibling is found.
    Well,
    /// Not known: a compressed sibling is taken, none is made.
    Unknown,
    /// Compressed in itself.
    Never,
}

impl Media {
    /// By the last extension of the name; `application/octet-stream` where it is unknown.
    pub(super) fn of(path: &[u8]) -> Self {
        Self(
            mime_guess::from_path(Path::new(OsStr::from_bytes(path))).first_raw().unwrap_or("application/octet-stream"),
        )
    }

    /// `Content-Type`. What is text is said to be UTF-8: without it, browsers guess.
    pub(super) fn content_type(self) -> HeaderValue {
        match self.0 {
            // The types of nearly every page, without an allocation.
            "text/html" => HeaderValue::from_static("text/html; charset=utf-8"),
            "text/css" => HeaderValue::from_static("text/css; charset=utf-8"),
            "text/javascript" | "application/javascript" => {
                // RFC 9239 section 6 leaves `text/javascript` as the one name.
                HeaderValue::from_static("text/javascript; charset=utf-8")
            }
            "text/plain" => HeaderValue::from_static("text/plain; charset=utf-8"),
            "image/svg+xml" => HeaderValue::from_static("image/svg+xml; charset=utf-8"),
            text if text.starts_with("text/") || text == "application/xml" || text.ends_with("+xml") => {
                HeaderValue::try_from(format!("{text}; charset=utf-8"))
                    .unwrap_or_else(|_| HeaderValue::from_static(text))
            }
            other => HeaderValue::from_static(other),
        }
    }

    /// The type's name without parameters.
    pub(super) fn essence(self) -> &'static str {
        self.0
    }

    /// Whether a coding makes this type smaller.
    pub(super) fn squeeze(self) -> Squeeze {
        match self.0 {
            "application/javascript"
            | "application/json"
            | "application/xml"
            | "application/wasm"
            | "application/rtf"
            | "application/sql"
            | "application/toml"
            | "application/vnd.ms-fontobject"
            | "application/x-sh"
            | "application/x-tar"
            | "font/ttf"
            | "font/otf"
            | "image/bmp"
            | "image/x-icon" => Squeeze::Well,
            "application/zip"
            | "application/gzip"
            | "application/x-7z-compressed"
            | "application/x-bzip2"
            | "application/x-xz"
            | "application/zstd"
            | "application/pdf"
            | "application/java-archive" => Squeeze::Never,
            essence => match essence.split_once('/') {
                Some(("text", _)) => Squeeze::Well,
                Some((_, suffix)) if suffix.ends_with("+json") || suffix.ends_with("+xml") => Squeeze::Well,
                Some(("image" | "audio" | "video" | "font", _)) => Squeeze::Never,
                _ => Squeeze::Unknown,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content_type(name: &[u8]) -> String {
        Media::of(name).content_type().to_str().expect("a type is ASCII").to_owned()
    }

    #[test]
    fn text_is_said_to_be_utf_8_and_the_rest_is_not() {
        assert_eq!(content_type(b"a/index.html"), "text/html; charset=utf-8");
        assert_eq!(content_type(b"x.CSS"), "text/css; charset=utf-8");
        assert_eq!(content_type(b"x.js"), "text/javascript; charset=utf-8");
        assert_eq!(content_type(b"x.mjs"), "text/javascript; charset=utf-8");
        assert_eq!(content_type(b"x.txt"), "text/plain; charset=utf-8");
        assert_eq!(content_type(b"x.svg"), "image/svg+xml; charset=utf-8");
        assert_eq!(content_type(b"x.xml"), "text/xml; charset=utf-8");
        assert_eq!(content_type(b"x.json"), "application/json");
        assert_eq!(content_type(b"x.wasm"), "application/wasm");
        assert_eq!(content_type(b"x.webmanifest"), "application/manifest+json");
        assert_eq!(content_type(b"hello"), "application/octet-stream");
        assert_eq!(content_type(b"\xff.png"), "image/png");
        assert_eq!(content_type(b"x.\xff"), "application/octet-stream");
    }

    #[test]
    fn what_is_compressed_is_not_compressed_again() {
        for name in ["x.html", "x.js", "x.json", "x.svg", "x.wasm", "x.webmanifest", "x.ttf"] {
            assert_eq!(Media::of(name.as_bytes()).squeeze(), Squeeze::Well, "{name}");
        }
        for name in ["x.png", "x.woff2", "x.mp4", "x.zip", "x.tar.gz", "x.jpeg"] {
            assert_eq!(Media::of(name.as_bytes()).squeeze(), Squeeze::Never, "{name}");
        }
        assert_eq!(Media::of(b"hello").squeeze(), Squeeze::Unknown);
    }
}
