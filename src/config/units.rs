//! Durations, sizes, rates and networks as people write them.
//!
//! A bare number is refused: nobody can see whether 600 means seconds,
//! milliseconds or bytes. So is a size in `M`, which is a million to one program
//! and 1024² to the next.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use ipnet::IpNet;
use serde::de::{self, Deserialize, Deserializer, Visitor};

/// Why a text is no duration, size, rate or network.
///
/// `Display` gives what was found and, after a line break, what to write.
/// `shape` makes a finding's two sentences of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnitError {
    what: String,
    mend: String,
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.what, self.mend)
    }
}

fn wrong(what: String, mend: impl Into<String>) -> UnitError {
    UnitError { what, mend: mend.into() }
}

/// What a value of the file can be parsed from.
pub(super) trait Unit: Sized {
    /// For serde's own message: `a duration such as "600s"`.
    const EXPECTED: &'static str;

    /// Parses the text of a TOML string.
    fn parse(text: &str) -> Result<Self, UnitError>;
}

/// A duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(pub(super) Duration);

/// A size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size(pub(super) u64);

/// So many in a second, a minute or an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) count: NonZeroU32,
    pub(super) per: Duration,
    unit: &'static str,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.unit)
    }
}

/// A network; a bare address is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network(pub(super) IpNet);

const SPAN_UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

const SIZE_UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

impl Unit for Span {
    const EXPECTED: &'static str = "a duration such as \"600s\"";

    fn parse(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split(text, "s", "ms, s, m, h or d")?;
        let factor = SPAN_UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        let Some(factor) = factor else {
            return Err(wrong(format!("\"{text}\" has the unknown unit \"{unit}\""), "write ms, s, m, h or d"));
        };
        let millis = number.checked_mul(factor).ok_or_else(|| too_large(text))?;
        Ok(Self(Duration::from_millis(millis)))
    }
}

impl Unit for Size {
    const EXPECTED: &'static str = "a size such as \"50MiB\"";

    fn parse(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split(text, "MiB", "B, kB, KiB, MB, MiB, GB or GiB")?;
        let factor = SIZE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, factor)| *factor);
        let Some(factor) = factor else {
            let mend = match unit {
                "k" | "K" | "m" | "M" | "g" | "G" => format!("write \"{number}{}iB\"", unit.to_ascii_uppercase()),
                _ => "write B, kB, KiB, MB, MiB, GB or GiB".into(),
            };
            return Err(wrong(format!("\"{text}\" has the unknown unit \"{unit}\""), mend));
        };
        number.checked_mul(factor).map(Self).ok_or_else(|| too_large(text))
    }
}

const RATE_UNITS: [(&str, u64); 3] = [("s", 1), ("m", 60), ("h", 3600)];

impl Unit for Rate {
    const EXPECTED: &'static str = "a rate such as \"20/s\"";

    fn parse(text: &str) -> Result<Self, UnitError> {
        let mend = "write a whole number and /s, /m or /h, like \"20/s\"";
        let Some((count, unit)) = text.split_once('/') else {
            return Err(wrong(format!("\"{text}\" does not say in which time"), mend));
        };
        let count = count.trim_end().parse::<u64>().map_err(|_| wrong(format!("\"{text}\" is no rate"), mend))?;
        let Some((unit, seconds)) = RATE_UNITS.iter().find(|(name, _)| *name == unit.trim_start()) else {
            return Err(wrong(format!("\"{text}\" has the unknown time \"{unit}\""), mend));
        };
        let count = u32::try_from(count).map_err(|_| too_large(text))?;
        let Some(count) = NonZeroU32::new(count) else {
            let mend = "write deny = [\"0.0.0.0/0\", \"::/0\"] to let nobody in, or leave it out to limit nobody";
            return Err(wrong(format!("\"{text}\" would refuse every request"), mend));
        };
        Ok(Self { count, per: Duration::from_secs(*seconds), unit })
    }
}

impl Unit for Network {
    const EXPECTED: &'static str = "a network such as \"10.0.0.0/8\"";

    fn parse(text: &str) -> Result<Self, UnitError> {
        let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        match network {
            // Bits beyond the prefix say nothing: 10.0.0.1/8 is 10.0.0.0/8.
            Some(network) => Ok(Self(canonical(network.trunc()))),
            None => Err(wrong(
                format!("\"{text}\" is neither a network nor an address"),
                "write it like \"10.0.0.0/8\", \"192.168.1.5\" or \"fd00::/8\"",
            )),
        }
    }
}

/// IPv4 in IPv6's clothes, `::ffff:10.0.0.0/104`, is `10.0.0.0/8`: addresses are compared without them.
fn canonical(network: IpNet) -> IpNet {
    match (network.addr().to_canonical(), network.prefix_len().checked_sub(96)) {
        (address @ IpAddr::V4(_), Some(prefix)) if network.addr().is_ipv6() => {
            IpNet::new(address, prefix).unwrap_or(network)
        }
        _ => network,
    }
}

/// Whole number and unit; `likely` is the unit that a bare number was probably meant in.
fn split<'t>(text: &'t str, likely: &str, units: &str) -> Result<(u64, &'t str), UnitError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(wrong(
            format!("\"{text}\" does not begin with a number"),
            format!("write a whole number and {units}, like \"10{likely}\""),
        ));
    }
    let number = number.parse().map_err(|_| too_large(text))?;
    match unit.trim_start() {
        "" => Err(wrong(format!("\"{text}\" has no unit"), format!("write \"{number}{likely}\""))),
        unit if unit.starts_with(['.', ',']) => Err(wrong(
            format!("\"{text}\" is not a whole number"),
            format!("write it in a smaller unit: a whole number and {units}"),
        )),
        unit => Ok((number, unit)),
    }
}

fn too_large(text: &str) -> UnitError {
    wrong(format!("\"{text}\" is larger than can be counted"), "write a smaller number")
}

macro_rules! deserialize_unit {
    ($($unit:ty),+) => {$(
        impl<'de> Deserialize<'de> for $unit {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(UnitVisitor(std::marker::PhantomData))
            }
        }
    )+};
}
deserialize_unit!(Span, Size, Rate, Network);

struct UnitVisitor<U>(std::marker::PhantomData<U>);

impl<U: Unit> Visitor<'_> for UnitVisitor<U> {
    type Value = U;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(U::EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<U, E> {
        U::parse(text).map_err(E::custom)
    }

    /// `600` without quotes gets the same answer as `"600"`.
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<U, E> {
        U::parse(&number.to_string()).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said<U: Unit + fmt::Debug>(text: &str) -> String {
        U::parse(text).expect_err(text).to_string()
    }

    #[test]
    fn durations_need_a_unit() {
        let millis = |text| Span::parse(text).expect(text).0.as_millis();
        assert_eq!(millis("100ms"), 100);
        assert_eq!(millis("600s"), 600_000);
        assert_eq!(millis("10m"), 600_000);
        assert_eq!(millis("1h"), 3_600_000);
        assert_eq!(millis("7d"), 604_800_000);
        assert_eq!(said::<Span>("600"), "\"600\" has no unit\nwrite \"600s\"");
        assert_eq!(said::<Span>("10min"), "\"10min\" has the unknown unit \"min\"\nwrite ms, s, m, h or d");
        assert!(said::<Span>("1.5h").starts_with("\"1.5h\" is not a whole number\n"));
        assert!(said::<Span>("-5s").starts_with("\"-5s\" does not begin with a number\n"));
        assert!(said::<Span>("99999999999999999d").starts_with("\"99999999999999999d\" is larger"));
        assert!(said::<Span>("99999999999999999999s").contains("is larger"));
    }

    #[test]
    fn sizes_say_whether_they_count_by_1000_or_1024() {
        let bytes = |text| Size::parse(text).expect(text).0;
        assert_eq!(bytes("50MiB"), 50 << 20);
        assert_eq!(bytes("50MB"), 50_000_000);
        assert_eq!(bytes("1 KiB"), 1024);
        assert_eq!(bytes("512B"), 512);
        assert_eq!(said::<Size>("50M"), "\"50M\" has the unknown unit \"M\"\nwrite \"50MiB\"");
        assert_eq!(said::<Size>("50"), "\"50\" has no unit\nwrite \"50MiB\"");
        assert_eq!(said::<Size>("1TiB"), "\"1TiB\" has the unknown unit \"TiB\"\nwrite B, kB, KiB, MB, MiB, GB or GiB");
    }

    #[test]
    fn a_bare_address_is_a_network_of_one() {
        let network = |text| Network::parse(text).expect(text).0.to_string();
        assert_eq!(network("192.168.1.5"), "192.168.1.5/32");
        assert_eq!(network("::1"), "::1/128");
        assert_eq!(network("10.1.2.3/8"), "10.0.0.0/8");
        assert_eq!(network("::ffff:10.1.0.0/112"), "10.1.0.0/16");
        assert_eq!(network("::ffff:10.1.2.3"), "10.1.2.3/32");
        assert_eq!(network("::/0"), "::/0");
        assert!(said::<Network>("10.0.0.0/40").starts_with("\"10.0.0.0/40\" is neither"));
        assert!(said::<Network>("localhost").starts_with("\"localhost\" is neither"));
    }
    #[test]
    fn a_rate_says_in_which_time() {
        let rate = |text| Rate::parse(text).map(|rate| (rate.count.get(), rate.per.as_secs(), rate.to_string()));
        assert_eq!(rate("20/s"), Ok((20, 1, "20/s".into())));
        assert_eq!(rate("10 / m"), Ok((10, 60, "10/m".into())));
        assert_eq!(rate("1/h"), Ok((1, 3600, "1/h".into())));
        assert!(said::<Rate>("20").starts_with("\"20\" does not say in which time\n"));
        assert!(said::<Rate>("20/min").starts_with("\"20/min\" has the unknown time"));
        assert!(said::<Rate>("-1/s").starts_with("\"-1/s\" is no rate"));
        assert!(said::<Rate>("0/s").contains("would refuse every request"));
        assert!(said::<Rate>("99999999999/s").contains("is larger"));
    }
}
