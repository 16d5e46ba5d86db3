//! `--begin`, `--deadline`, `sacct -S`: points in time (`sbatch(1)`, `--begin`).
//!
//! Read as Slurm reads them: words and numbers one after the other, with blanks, `-` and `T` between them that mean
//! nothing; a day that its month does not have is counted on into the next.

use jiff::civil::{Date, DateTime, Time};
use jiff::{ToSpan, ZonedDateTime};

/// What is no point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoTime {
    /// Where reading ended, as Slurm counts it: it may be before the text. `None` where there was nothing to read.
    pub place: Option<isize>,
}

impl NoTime {
    fn at(place: usize) -> Self {
        Self { place: Some(place.cast_signed()) }
    }

    /// Before a number of two digits that is too large, behind which reading has come already.
    fn before(place: usize) -> Self {
        Self { place: Some(place.cast_signed() - 2) }
    }

    /// The line that Slurm writes on stderr about a text, if any.
    #[must_use]
    pub fn line(self, text: &str) -> Option<String> {
        self.place.map(|place| format!("Invalid time specification (pos={place}): {text}"))
    }
}

/// Unix seconds of a point in time: `now`, `now+1hour`, `16:00`, `tomorrow`, `midnight`, `noon`, `fika`, `teatime`,
/// `MMDD[YY]`, `MM/DD[/YY]`, `YYYY-MM-DD[THH:MM[:SS]]`. What has passed is tomorrow's or next year's.
///
/// # Errors
/// [`NoTime`].
pub fn parse(text: &str, now: &ZonedDateTime) -> Result<i64, NoTime> {
    read(text, now)?.resolve(now, Lean::Ahead)
}

/// The same of what has been: a time of day is today's, and no month without a year is to come.
///
/// # Errors
/// [`NoTime`].
pub fn parse_past(text: &str, now: &ZonedDateTime) -> Result<i64, NoTime> {
    read(text, now)?.resolve(now, Lean::Back)
}

/// Which way a time that is not complete is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lean {
    Ahead,
    Back,
}

/// What a text says.
#[derive(Default)]
struct Moment {
    /// Unix seconds, which say it all.
    exact: Option<i64>,
    /// Year (if it is said), month, day.
    day: Option<(Option<i16>, i8, i8)>,
    clock: Option<Time>,
}

impl Moment {
    fn resolve(self, now: &ZonedDateTime, lean: Lean) -> Result<i64, NoTime> {
        if let Some(exact) = self.exact {
            return Ok(exact);
        }
        let today = now.date();
        let minute = |time: Time| (time.hour(), time.minute());
        let is_to_come = |clock| minute(clock) > minute(now.time());
        let (date, clock) = match (self.day, self.clock) {
            (None, None) => return Err(NoTime { place: None }),
            (None, Some(clock)) if lean == Lean::Back || is_to_come(clock) => (Some(today), clock),
            (None, Some(clock)) => (today.checked_add(1.day()).ok(), clock),
            (Some((year, month, day)), clock) => {
                let clock = clock.unwrap_or(Time::midnight());
                let this = today.year();
                let year = year.unwrap_or(match lean {
                    Lean::Back => this - i16::from(month > today.month()),
                    Lean::Ahead => {
                        let later = (month, day) > (today.month(), today.day());
                        let same = (month, day) == (today.month(), today.day()) && is_to_come(clock);
                        this + i16::from(!later && !same)
                    }
                });
                (date(year, month, day), clock)
            }
        };
        let zoned = date.and_then(|date| {
            DateTime::from_parts(date, clock).to_zoned_datetime(now.time_zone().clone()).ok()
        });
        zoned.map(|zoned| zoned.timestamp().as_second()).ok_or(NoTime::at(0))
    }
}

/// A day counted from the first of its month.
fn date(year: i16, month: i8, day: i8) -> Option<Date> {
    Date::new(year, month, 1).ok()?.checked_add((i64::from(day) - 1).days()).ok()
}

fn read(text: &str, now: &ZonedDateTime) -> Result<Moment, NoTime> {
    let mut moment = Moment::default();
    if let Some(number) = strip_word(text, "uts") {
        const FIRST: i64 = 1_000_000;
        moment.exact = number.parse().ok().filter(|&second| second >= FIRST);
        return if moment.exact.is_some() { Ok(moment) } else { Err(NoTime::at(0)) };
    }
    let mut words = Reader { text: text.as_bytes(), at: 0 };
    while let Some(byte) = words.peek() {
        match byte {
            b' ' | b'\t' | b'-' | b'T' => words.at += 1,
            b'0'..=b'9' if words.text[words.at + 1..].iter().take(2).any(|&b| b == b':') => {
                moment.clock = Some(words.time()?);
            }
            b'0'..=b'9' => moment.day = Some(words.day()?),
            _ => words.word(&mut moment, now)?,
        }
    }
    Ok(moment)
}

/// A text without the word that it begins with, in either case.
fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    head.eq_ignore_ascii_case(word).then(|| &text[word.len()..])
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied().filter(|&byte| byte != b'\n')
    }

    fn take(&mut self, word: &str) -> bool {
        let found =
            self.text[self.at..].get(..word.len()).is_some_and(|h| h.eq_ignore_ascii_case(word.as_bytes()));
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn take_any(&mut self, bytes: &[u8]) {
        self.at += usize::from(self.peek().is_some_and(|byte| bytes.contains(&byte)));
    }

    /// A digit, or where there is none.
    fn digit(&mut self) -> Result<i8, NoTime> {
        let digit = self.peek().filter(u8::is_ascii_digit).ok_or(NoTime::at(self.at))?;
        self.at += 1;
        Ok((digit - b'0').cast_signed())
    }

    fn two_digits(&mut self) -> Result<i8, NoTime> {
        Ok(self.digit()? * 10 + self.digit()?)
    }

    /// One digit or two.
    fn short(&mut self) -> Result<i8, NoTime> {
        let first = self.digit()?;
        if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            Ok(first * 10 + self.digit()?)
        } else {
            Ok(first)
        }
    }

    fn within(&self, number: i8, range: std::ops::RangeInclusive<i8>) -> Result<i8, NoTime> {
        if range.contains(&number) { Ok(number) } else { Err(NoTime::before(self.at)) }
    }

    /// `H:MM[:SS]`, `am` or `pm` behind it.
    fn time(&mut self) -> Result<Time, NoTime> {
        let hour = self.short()?;
        let mut hour = self.within(hour, 0..=23)?;
        self.at += 1;
        let minute = self.two_digits()?;
        let minute = self.within(minute, 0..=59)?;
        let second = if self.take(":") {
            let second = self.two_digits()?;
            self.within(second, 0..=59)?
        } else {
            0
        };
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
        let place = NoTime::at(self.at);
        if self.take("pm") {
            hour = if hour > 12 { return Err(place) } else { hour % 12 + 12 };
        } else if self.take("am") {
            hour = if hour > 12 { return Err(place) } else { hour % 12 };
        }
        Time::new(hour, minute, second, 0).map_err(|_| place)
    }

    /// `YYYY-MM-DD`, or month and day with or without `/` or `.` between them, and two digits of a year.
    fn day(&mut self) -> Result<(Option<i16>, i8, i8), NoTime> {
        let is_dash = |offset: usize| self.text.get(self.at + offset) == Some(&b'-');
        let year = if is_dash(4) && is_dash(7) {
            let (century, year) = (self.two_digits()?, self.two_digits()?);
            self.at += 1;
            Some(i16::from(century) * 100 + i16::from(year))
        } else {
            None
        };
        let between: &[u8] = if year.is_some() { b"-" } else { b"./" };
        let month = self.short()?;
        let month = self.within(month, 1..=12)?;
        self.take_any(between);
        let day = self.short()?;
        let day = self.within(day, 1..=31)?;
        if year.is_some() {
            return Ok((year, month, day));
        }
        self.take_any(between);
        let has_year = self.peek().is_some_and(|byte| byte.is_ascii_digit());
        let year = if has_year { Some(2000 + i16::from(self.two_digits()?)) } else { None };
        Ok((year, month, day))
    }

    fn word(&mut self, moment: &mut Moment, now: &ZonedDateTime) -> Result<(), NoTime> {
        const HOURS: [(&str, i8); 4] = [("midnight", 0), ("noon", 12), ("fika", 15), ("teatime", 16)];
        if self.take("now") {
            moment.exact = Some(now.timestamp().as_second() + self.seconds_behind_now()?);
            return Ok(());
        }
        if let Some((_, hour)) = HOURS.into_iter().find(|(word, _)| self.take(word)) {
            moment.clock = Time::new(hour, 0, 0, 0).ok();
            return Ok(());
        }
        let days = if self.take("today") {
            0
        } else if self.take("tomorrow") {
            1
        } else {
            return Err(NoTime::at(self.at));
        };
        let date = now.date().checked_add(days.days()).map_err(|_| NoTime::at(self.at))?;
        moment.day = Some((Some(date.year()), date.month(), date.day()));
        Ok(())
    }

    /// Seconds behind `now`: `+COUNT[UNIT]` or `-COUNT[UNIT]`, seconds where there is no unit.
    fn seconds_behind_now(&mut self) -> Result<i64, NoTime> {
        const UNITS: [(&str, i64); 10] = [
            ("seconds", 1),
            ("second", 1),
            ("minutes", 60),
            ("minute", 60),
            ("hours", 3600),
            ("hour", 3600),
            ("days", 86_400),
            ("day", 86_400),
            ("weeks", 604_800),
            ("week", 604_800),
        ];
        self.blanks();
        let sign = match self.peek() {
            None => return Ok(0),
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(_) => return Err(NoTime::at(self.at)),
        };
        let start = self.at;
        self.at += 1;
        let mut count: Option<i64> = None;
        while self.peek().is_some() {
            self.blanks();
            if let Ok(digit) = self.digit() {
                let next = count.unwrap_or(0).checked_mul(10).and_then(|n| n.checked_add(digit.into()));
                count = Some(next.ok_or(NoTime::at(self.at - 1))?);
            } else if let Some((_, unit)) = UNITS.into_iter().find(|(unit, _)| self.take(unit)) {
                count = count.map(|count| count.saturating_mul(unit));
                break;
            } else if self.peek().is_some() {
                return Err(NoTime::at(self.at - 1));
            }
        }
        // Bounded, so that a time that is added to it stays one.
        const SECONDS_MAX: i64 = 1 << 40;
        count.filter(|&count| count < SECONDS_MAX).map(|count| sign * count).ok_or(NoTime::at(start))
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> ZonedDateTime {
        jiff::civil::date(2026, 3, 10).at(12, 0, 0, 0).to_zoned_datetime(jiff::tz::TimeZone::UTC).unwrap()
    }

    fn text_of(second: i64) -> String {
        jiff::Timestamp::from_second(second).unwrap().to_string()
    }

    #[test]
    fn points_in_time_are_read() {
        for (text, expected) in [
            ("now", "2026-03-10T12:00:00Z"),
            ("now+1hour", "2026-03-10T13:00:00Z"),
            ("now + 30", "2026-03-10T12:00:30Z"),
            ("now-30days", "2026-02-08T12:00:00Z"),
            ("NOW+2 minutes", "2026-03-10T12:02:00Z"),
            ("uts1900000000", "2030-03-17T17:46:40Z"),
            ("16:00", "2026-03-10T16:00:00Z"),
            ("11:00", "2026-03-11T11:00:00Z"),
            ("4:30pm", "2026-03-10T16:30:00Z"),
            ("4:30 pm", "2026-03-10T16:30:00Z"),
            ("12:30am", "2026-03-11T00:30:00Z"),
            ("midnight", "2026-03-11T00:00:00Z"),
            ("teatime", "2026-03-10T16:00:00Z"),
            ("NOON", "2026-03-11T12:00:00Z"),
            ("tomorrow", "2026-03-11T00:00:00Z"),
            ("tomorrowT10:00", "2026-03-11T10:00:00Z"),
            ("2030-01-20", "2030-01-20T00:00:00Z"),
            ("2030-01-20T", "2030-01-20T00:00:00Z"),
            ("2030-01-20T12:34", "2030-01-20T12:34:00Z"),
            ("2030-02-30", "2030-03-02T00:00:00Z"),
            ("1970-01-01-00:00:01", "1970-01-01T00:00:01Z"),
            ("12/31/30", "2030-12-31T00:00:00Z"),
            ("123130", "2030-12-31T00:00:00Z"),
            ("123", "2026-12-03T00:00:00Z"),
            ("0301", "2027-03-01T00:00:00Z"),
            ("16:00 12/31", "2026-12-31T16:00:00Z"),
        ] {
            assert_eq!(parse(text, &now()).map(text_of).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_has_been_is_meant_where_one_looks_back() {
        for (text, expected) in [
            ("11:00", "2026-03-10T11:00:00Z"),
            ("16:00", "2026-03-10T16:00:00Z"),
            ("0301", "2026-03-01T00:00:00Z"),
            ("1231", "2025-12-31T00:00:00Z"),
        ] {
            assert_eq!(parse_past(text, &now()).map(text_of).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_mistake_has_the_place_that_slurm_gives_it() {
        for (text, place) in [
            ("now+", 3),
            ("now+x", 3),
            ("now+5foo", 4),
            ("now+5min", 4),
            ("now+1hour+5", 9),
            ("now+1hour1minute", 10),
            ("25:00", 0),
            ("12:61", 3),
            ("1:2", 3),
            ("13:00pm", 5),
            ("5pm", 1),
            ("2030-13-01", 5),
            ("2030-4-5", 0),
            ("04-05", 2),
            ("04/32", 3),
            ("0", -1),
            ("10", 2),
            ("2030-04-05T10", 13),
            ("2030-04-05T10:11:60", 17),
            ("never", 0),
            ("Tomorrow", 1),
            ("uts5", 0),
        ] {
            assert_eq!(parse(text, &now()), Err(NoTime { place: Some(place) }), "{text}");
        }
        assert_eq!(parse("", &now()), Err(NoTime { place: None }));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,30}|[-+:0-9Tapmnow ]{0,30}") {
            let _ = (parse(&text, &now()), parse_past(&text, &now()));
        }
    }
}
