//! The last months as bars: an inline SVG, drawn by the page's own style, and the same in words.
//!
//! No script and nothing from elsewhere: the page's policy lets neither in.

use crate::jitsi::ledger::Month;

/// Of one month, bar and gap together.
const COLUMN: u32 = 40;
/// Of a bar.
const BAR: u32 = 28;
/// Of the highest bar, or of the budget's line where that is higher.
const HEIGHT: u32 = 100;
/// Above the highest bar: its number stands there.
const TOP: u32 = 18;
/// Below the bars: the months stand there.
const BOTTOM: u32 = 18;

/// What the template draws, in the units of the SVG's own box.
#[derive(Debug)]
pub(super) struct Plot {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Where the bars stand on.
    pub(super) ground: u32,
    /// Where the months' names stand.
    pub(super) names: u32,
    pub(super) bars: Vec<Bar>,
    /// Where the budget's line is.
    pub(super) budget: Option<u32>,
    /// All of it in a sentence.
    pub(super) words: String,
}

/// One month.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    /// The bar's middle.
    pub(super) middle: u32,
    /// Where its number stands.
    pub(super) number: u32,
    pub(super) value: u32,
    /// `11`, the year along with the first one and each January.
    pub(super) name: String,
    /// What a pointer that rests on it is told.
    pub(super) title: String,
    /// The month was beyond its budget.
    pub(super) over: bool,
}

impl Plot {
    pub(super) fn of(months: &[Month], budget: Option<u32>) -> Self {
        let most = months.iter().map(Month::used).chain(budget).max().unwrap_or(0).max(1);
        // In 64 bits: the numbers come from outside.
        let high = |value: u32| {
            let scaled = u64::from(value) * u64::from(HEIGHT) / u64::from(most);
            u32::try_from(scaled).unwrap_or(HEIGHT)
        };
        let ground = TOP + HEIGHT;
        let bar = |(place, month): (u32, &Month)| {
            let (value, height) = (month.used(), high(month.used()));
            let x = place * COLUMN + (COLUMN - BAR) / 2;
            Bar {
                x,
                y: ground - height,
                width: BAR,
                height,
                middle: x + BAR / 2,
                number: ground - height - 4,
                value,
                name: name(place, month),
                title: format!("{}: {}", month.month, used(month)),
                over: budget.is_some_and(|budget| value > budget),
            }
        };
        Self {
            width: COLUMN * u32::try_from(months.len()).unwrap_or(0),
            height: ground + BOTTOM,
            ground,
            names: ground + 14,
            bars: (0..).zip(months).map(bar).collect(),
            budget: budget.map(|budget| ground - high(budget)),
            words: words(months, budget),
        }
    }
}

fn name(place: u32, month: &Month) -> String {
    let shown = month.month.to_string();
    match shown.split_once('-') {
        Some((year, number)) if place == 0 || number == "01" => format!("{number}/{}", &year[year.len() - 2..]),
        Some((_, number)) => number.to_owned(),
        None => shown,
    }
}

fn used(month: &Month) -> String {
    let here = format!("devices {}, people {}", month.devices, month.people);
    match month.real {
        Some(real) => format!("{real} at 8x8; here {here}"),
        None => here,
    }
}

fn words(months: &[Month], budget: Option<u32>) -> String {
    let months: Vec<String> = months.iter().map(|month| format!("{}: {}", month.month, month.used())).collect();
    let budget = budget.map(|budget| format!("; the budget is {budget}")).unwrap_or_default();
    format!("{}{budget}.", months.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(text: &str, devices: u32) -> Month {
        Month { devices, ..Month::empty(text.parse().expect("a month")) }
    }

    #[test]
    fn bars_are_as_high_as_their_months_and_the_budget_a_line() {
        let plot = Plot::of(&[month("2026-12", 10), month("2027-01", 40), month("2027-02", 0)], Some(20));
        let bars: Vec<_> = plot.bars.iter().map(|bar| (bar.height, bar.over, bar.name.as_str())).collect();
        assert_eq!(bars, [(25, false, "12/26"), (100, true, "01/27"), (0, false, "02")]);
        assert_eq!(plot.budget, Some(plot.ground - 50));
        assert_eq!(plot.words, "2026-12: 10, 2027-01: 40, 2027-02: 0; the budget is 20.");
        for bar in &plot.bars {
            assert!(bar.y + bar.height == plot.ground && bar.x + bar.width <= plot.width && bar.number > 0, "{bar:?}");
        }
    }

    #[test]
    fn nothing_and_too_much_are_drawn_within_the_box() {
        assert_eq!(Plot::of(&[], None).bars, []);
        let plot = Plot::of(&[month("2026-11", u32::MAX), month("2026-12", 0)], Some(1));
        assert_eq!((plot.bars[0].height, plot.budget), (HEIGHT, Some(plot.ground)));
    }
}
