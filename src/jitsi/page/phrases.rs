//! All words of the launcher's pages: English, and what a language's file puts in its place.
//!
//! Every phrase stands once in the table below, under the name that a file calls it by; what
//! is missing in a file stays English. It refuses (in [`read`](Phrases::read)) unknown names and
//! phrases whose `{places}` are others than the English one's.

use std::borrow::Cow;

use time::{Date, Month, OffsetDateTime, UtcOffset};

mod fill;
mod language;
mod read;

pub use fill::{Filled, Moment};
pub use language::{Language, NotALanguage};
pub use read::Fault;

/// A sentence or a word, perhaps with `{places}` for what is only known when it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase(Cow<'static, str>);

macro_rules! phrases {
    ($($(#[$about:meta])* $table:ident: $Table:ident { $($key:ident = $english:literal)* })*) => {
        $(
            $(#[$about])*
            #[derive(Debug, Clone, PartialEq, Eq)]
            pub struct $Table { $(#[doc = $english] pub $key: Phrase,)* }
        )*

        /// Every phrase in one language.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Phrases {
            /// Which.
            pub language: Language,
            $($(#[$about])* pub $table: $Table,)*
        }

        impl Phrases {
            /// The built-in ones.
            pub fn english() -> Self {
                Self {
                    language: Language::english(),
                    $($table: $Table { $($key: Phrase(Cow::Borrowed($english)),)* },)*
                }
            }

            /// What a file may have: each table with its keys.
            const TABLES: &[(&str, &[&str])] = &[$((stringify!($table), &[$(stringify!($key)),*])),*];

            fn phrase_mut(&mut self, table: &str, key: &str) -> Option<&mut Phrase> {
                match (table, key) {
                    $($((stringify!($table), stringify!($key)) => Some(&mut self.$table.$key),)*)*
                    _ => None,
                }
            }
        }
    };
}

phrases! {
    /// On every page.
    page: Page {
        title = "Meeting launcher"
        again = "Try again"
    }

    /// The page that opens a meeting.
    launch: Launch {
        ready = "Your meeting is ready"
        opening = "Launching meeting…"
        launched = "Meeting launched"
        blocked = "One more click"
        room = "Room {room}"
        ready_hint = "The meeting opens in a window of its own."
        opening_hint = "Opening your default browser, where camera and microphone work."
        launched_hint = "The meeting was opened in a new window. If you are in it already, you can close this tab."
        blocked_hint = "Your browser kept the meeting's window from opening by itself. The button opens it."
        open = "OPEN MEETING MANUALLY"
        reopen = "RE-OPEN MEETING MANUALLY"
        app = "Open in the Jitsi app"
        app_hint = "If you do not have the app, the browser will do."
        browser = "Open in the browser"
    }

    /// What the page that opens a meeting adds.
    notice: Notice {
        elsewhere = "This month's {limit} users are used up: the meeting opens at {instead} instead."
        near = "For moderators: {used} of this month's {limit} users are used up."
        over = "For moderators: this month has {used} users, {limit} are paid for."
        uncounted = "For moderators: this month's users cannot be counted at the moment. The log says why."
    }

    /// The page without a room.
    waiting: Waiting {
        heading = "The Jitsi bridge is active"
        hint = "Waiting for a room name from Mattermost: start a meeting there, or open the link of one."
    }

    /// The page for people whom nobody knows.
    sign_in: SignIn {
        heading = "Sign in to join the meeting"
        hint = "Meetings here are for people who are signed in to Mattermost."
        old_link = "This link is older than its time: sign in to Mattermost, and the meeting opens all the same."
        dead_link = "This link is older than its time, and opening it from Mattermost again does not renew it: a new meeting must be started there."
        login = "Sign in to Mattermost"
        new_tab = "(in a new tab)"
        goes_on = "Once you have signed in there, this page goes on to the meeting by itself."
        signed_in = "You are signed in: the meeting opens."
        again = "Signed in already? Open the meeting"
        from_mattermost = "Open the meeting's link from within Mattermost, where you are signed in: it says here who you are."
        guest = "No account? Join as a guest"
    }

    /// The form for people without an account.
    guest: Guest {
        heading = "Join as a guest"
        invited = "You are invited to a meeting"
        invited_hint = "The invitation holds until {until}, on the first device that uses it."
        name = "Your name"
        name_hint = "The others in the meeting see it."
        passcode = "Passcode"
        passcode_hint = "Whoever told you of the meeting knows it."
        join = "Join the meeting"
    }

    /// What is wrong with a form as it was sent.
    fault: GuestFaults {
        name_missing = "Type your name: the others want to know who you are."
        name_long = "This name is too long: at most {most} characters are taken."
        name_refused = "This name has characters that cannot be shown. Type it anew."
        passcode = "This is not the passcode."
        old = "The form lay open for too long. Send it again."
        many = "There were too many tries. Wait {seconds} s, then send the form again."
        cookies = "Your browser did not keep this page's cookie. Allow cookies here, then send the form again."
    }

    /// An invitation that opens nothing.
    invitation: Invitation {
        expired = "This invitation has expired"
        expired_hint = "It held until {until}. Ask for a new one."
        used = "This invitation has been used"
        used_hint = "It opens the meeting on one device, and another one was first. Ask for an invitation of your own."
        forged = "This is not an invitation"
        forged_hint = "The link is not whole, or it was not made here. Copy it once more from the message that it came with."
    }

    /// The month's users are used up.
    full: Full {
        heading = "This month's meetings are used up"
        hint = "This month's {limit} users have all been in a meeting. Who was in one this month still gets in, by the same browser on the same device."
        next = "The next month begins on {until}."
    }

    /// Mattermost does not answer.
    unreachable: Unreachable {
        heading = "Mattermost does not answer"
        hint = "It would say who you are; without that no meeting opens. Try again in a moment."
    }

    /// The month's users cannot be counted.
    ledger: LedgerDown {
        heading = "No meeting can be opened now"
        hint = "Who takes part this month cannot be written down at the moment. The log says why: please tell your administrator."
    }

    /// An address that is one letter off.
    meant: Meant {
        heading = "Did you mean this?"
        hint = "There is nothing at {asked}."
    }

    /// How days and times are written.
    date: Dates {
        day = "{day} {month} {year}"
        moment = "{day}, {time} UTC"
        january = "January"
        february = "February"
        march = "March"
        april = "April"
        may = "May"
        june = "June"
        july = "July"
        august = "August"
        september = "September"
        october = "October"
        november = "November"
        december = "December"
    }
}

impl Phrase {
    /// The phrase as it stands, places and all.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Phrases {
    /// A day in words.
    pub fn day(&self, day: &Date) -> Moment {
        let dates = &self.date;
        let month = match day.month() {
            Month::January => &dates.january,
            Month::February => &dates.february,
            Month::March => &dates.march,
            Month::April => &dates.april,
            Month::May => &dates.may,
            Month::June => &dates.june,
            Month::July => &dates.july,
            Month::August => &dates.august,
            Month::September => &dates.september,
            Month::October => &dates.october,
            Month::November => &dates.november,
            Month::December => &dates.december,
        };
        let text = dates.day.with("day", day.day()).with("month", month).with("year", day.year());
        Moment::new(format!("{:04}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day()), text.text(), false)
    }

    /// A time in words, to the minute in UTC; the page's script puts the reader's own time in its place.
    pub fn moment(&self, time: &OffsetDateTime) -> Moment {
        let time = time.to_offset(UtcOffset::UTC);
        let day = self.day(&time.date());
        let clock = format!("{:02}:{:02}", time.hour(), time.minute());
        let text = self.date.moment.with("day", &day.text).with("time", &clock).text();
        Moment::new(format!("{}T{clock}Z", day.machine), text, true)
    }
}

#[cfg(test)]
mod tests;
