//! Colours, and whether text in one can be read on another (WCAG 2.2, success criteria 1.4.3 and 1.4.11).
//!
//! Any accent is taken: the text on it is black or white, whichever is read better, and a button that would
//! hardly show on the page gets an edge. It refuses names, transparency and every notation but `#rrggbb` and `#rgb`.

use std::fmt;
use std::str::FromStr;

/// Least contrast of text with what it stands on (WCAG 2.2, success criterion 1.4.3, level AA).
pub const TEXT_CONTRAST: f64 = 4.5;

/// Least contrast of a control's shape with the page around it (WCAG 2.2, success criterion 1.4.11, level AA).
pub const SHAPE_CONTRAST: f64 = 3.0;

/// An opaque colour in sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    red: u8,
    green: u8,
    blue: u8,
}

/// Why a text is no [`Colour`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAColour(String);

/// The accent in one scheme, and what has to go with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shade {
    /// What a button is filled with.
    pub accent: Colour,
    /// What is written on it: black or white, at [`TEXT_CONTRAST`] or more.
    pub text: Colour,
    /// The button's edge: the accent itself where it stands out from the page, else the page's text colour.
    pub edge: Colour,
}

/// The accent in both schemes; the page's other colours are its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colours {
    /// On a light page.
    pub light: Shade,
    /// On a dark page.
    pub dark: Shade,
}

/// Where nothing else is chosen: white on it reads at 4.9:1, and it shows on both pages.
const ACCENT: Colour = Colour::of(0x16, 0x6d, 0xe0);

/// A scheme's background and text.
pub(super) struct Scheme {
    pub(super) back: Colour,
    pub(super) text: Colour,
    /// For what matters less.
    pub(super) quiet: Colour,
}

pub(super) const LIGHT: Scheme = Scheme {
    back: Colour::of(0xf4, 0xf6, 0xf8),
    text: Colour::of(0x1b, 0x1d, 0x22),
    quiet: Colour::of(0x50, 0x56, 0x60),
};

pub(super) const DARK: Scheme = Scheme {
    back: Colour::of(0x14, 0x15, 0x17),
    text: Colour::of(0xff, 0xff, 0xff),
    quiet: Colour::of(0xb9, 0xbe, 0xc7),
};

impl Colour {
    const BLACK: Self = Self::of(0, 0, 0);
    const WHITE: Self = Self::of(255, 255, 255);

    const fn of(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// The contrast ratio with `other`, from 1 (none) to 21 (WCAG 2.2, "contrast ratio").
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// WCAG 2.2, "relative luminance".
    fn luminance(self) -> f64 {
        let linear = |part: u8| match f64::from(part) / 255.0 {
            part if part <= 0.04045 => part / 12.92,
            part => ((part + 0.055) / 1.055).powf(2.4),
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }
}

impl Shade {
    fn new(accent: Colour, scheme: &Scheme) -> Self {
        // The worse of the two at its best is the square root of 21, 4.58: one of them always reads well enough.
        let text = match accent.contrast(Colour::WHITE) >= TEXT_CONTRAST {
            true => Colour::WHITE,
            false => Colour::BLACK,
        };
        let edge = match accent.contrast(scheme.back) >= SHAPE_CONTRAST {
            true => accent,
            false => scheme.text,
        };
        Self { accent, text, edge }
    }
}

impl Colours {
    /// `accent` on the light page and `dark`, or the same where none is given, on the dark one.
    pub fn new(accent: Option<Colour>, dark: Option<Colour>) -> Self {
        let accent = accent.unwrap_or(ACCENT);
        Self { light: Shade::new(accent, &LIGHT), dark: Shade::new(dark.unwrap_or(accent), &DARK) }
    }
}

impl Default for Colours {
    fn default() -> Self {
        Self::new(None, None)
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

impl FromStr for Colour {
    type Err = NotAColour;

    fn from_str(text: &str) -> Result<Self, NotAColour> {
        let wrong = || NotAColour(text.into());
        let digits = text.strip_prefix('#').ok_or_else(wrong)?;
        let nibbles: Option<Vec<u8>> =
            digits.chars().map(|digit| digit.to_digit(16).and_then(|nibble| u8::try_from(nibble).ok())).collect();
        match *nibbles.ok_or_else(wrong)?.as_slice() {
            [red, green, blue] => Ok(Self::of(red * 17, green * 17, blue * 17)),
            [a, b, c, d, e, f] => Ok(Self::of(a * 16 + b, c * 16 + d, e * 16 + f)),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for NotAColour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no colour; write it as \"#166de0\"", self.0)
    }
}

impl std::error::Error for NotAColour {}

#[cfg(test)]
mod tests;
