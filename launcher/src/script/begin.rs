//! `--begin`, `--deadline`, `sacct -S`: points in time (`sbatch(1)`, `--begin`).

use jiff::civil::{Date, DateTime, Time};
use jiff::{ToSpan, ZonedDateTime};

/// Unix seconds of a point in time: `now`, `now+1hour`, `16:00`, `tomorrow`, `midnight`, `noon`, `fika`, `teatime`,
/// `MMDD[YY]`, `MM/DD[/YY]`, `YYYY-MM-DD[THH:MM[:SS]]`. A time of day that has passed is tomorrow's.
#[must_use]
pub fn parse(text: &str, now: &ZonedDateTime) -> Option<i64> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix("now") {
        return relative(rest).map(|seconds| now.timestamp().as_second() + seconds);
    }
    let (date, clock) = split(text)?;
    let today = now.date();
    let at = match (date, clock) {
        (Some(date), clock) => {
            let date = date_of(date, today)?;
            DateTime::from_parts(date, clock.map_or(Some(Time::midnight()), time_of)?)
        }
        (None, Some(clock)) => {
            let time = time_of(clock)?;
            let day = if time > now.time() { today } else { today.checked_add(1.day()).ok()? };
            DateTime::from_parts(day, time)
        }
        (None, None) => return None,
    };
    Some(at.to_zoned_datetime(now.time_zone().clone()).ok()?.timestamp().as_second())
}

/// Date and time of day, in either order or joined by `T`.
fn split(text: &str) -> Option<(Option<&str>, Option<&str>)> {
    if let Some((date, clock)) = text.split_once('T').filter(|(date, _)| date.contains('-')) {
        return Some((Some(date), Some(clock)));
    }
    // `1970-01-01-00:00:01`, as some clients write it.
    if text.len() > 11 && text.as_bytes()[4] == b'-' && text.as_bytes()[10] == b'-' {
        return Some((Some(text.get(..10)?), Some(text.get(11..)?)));
    }
    let is_clock = |word: &str| word.contains(':') || ["midnight", "noon", "fika", "teatime"].contains(&word);
    let (mut date, mut clock) = (None, None);
    for word in text.split_whitespace() {
        let slot = if is_clock(word) { &mut clock } else { &mut date };
        if slot.replace(word).is_some() {
            return None;
        }
    }
    Some((date, clock))
}

fn date_of(text: &str, today: Date) -> Option<Date> {
    let digits = |text: &str| text.parse::<i16>().ok();
    match text {
        "today" => return Some(today),
        "tomorrow" => return today.checked_add(1.day()).ok(),
        _ => {}
    }
    let parts: Vec<&str> = text.split(['-', '/', '.']).collect();
    let (year, month, day) = match parts.as_slice() {
        [year, month, day] if year.len() == 4 => (digits(year)?, digits(month)?, digits(day)?),
        [month, day, year] => (century(digits(year)?), digits(month)?, digits(day)?),
        [month, day] => (today.year(), digits(month)?, digits(day)?),
        [joined] if joined.len() == 6 && joined.is_ascii() => {
            (century(digits(&joined[4..])?), digits(&joined[..2])?, digits(&joined[2..4])?)
        }
        [joined] if joined.len() == 4 => (today.year(), digits(joined.get(..2)?)?, digits(joined.get(2..)?)?),
        _ => return None,
    };
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn century(year: i16) -> i16 {
    if year < 100 { 2000 + year } else { year }
}

fn time_of(text: &str) -> Option<Time> {
    match text {
        "midnight" => return Some(Time::midnight()),
        "noon" => return Time::new(12, 0, 0, 0).ok(),
        "fika" => return Time::new(15, 0, 0, 0).ok(),
        "teatime" => return Time::new(16, 0, 0, 0).ok(),
        _ => {}
    }
    let lower = text.to_ascii_lowercase();
    let (clock, half) = match (lower.strip_suffix("am"), lower.strip_suffix("pm")) {
        (Some(clock), _) => (clock, Some(0)),
        (_, Some(clock)) => (clock, Some(12)),
        _ => (lower.as_str(), None),
    };
    let numbers: Vec<i8> = clock.split(':').map(|part| part.trim().parse().ok()).collect::<Option<_>>()?;
    let (hour, minute, second) = match numbers.as_slice() {
        [hour, minute] => (*hour, *minute, 0),
        [hour, minute, second] => (*hour, *minute, *second),
        _ => return None,
    };
    let hour = half.map_or(hour, |half| hour % 12 + half);
    Time::new(hour, minute, second, 0).ok()
}

/// `+COUNT[UNIT]` or `-COUNT[UNIT]` in seconds; the unit is seconds where none is written.
fn relative(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, rest) = match text.as_bytes().first() {
        None => return Some(0),
        Some(b'+') => (1, &text[1..]),
        Some(b'-') => (-1, &text[1..]),
        Some(_) => return None,
    };
    let rest = rest.trim();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let count: i64 = rest[..digits].parse().ok()?;
    let unit = rest[digits..].trim();
    let seconds = match unit.strip_suffix('s').filter(|unit| !unit.is_empty()).unwrap_or(unit) {
        "" | "second" | "sec" => 1,
        "minute" | "min" => 60,
        "hour" => 3600,
        "day" => 86_400,
        "week" => 604_800,
        _ => return None,
    };
    count.checked_mul(seconds)?.checked_mul(sign)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> ZonedDateTime {
        jiff::civil::date(2026, 3, 10).at(12, 0, 0, 0).to_zoned_datetime(jiff::tz::TimeZone::UTC).unwrap()
    }

    fn at(text: &str) -> Option<String> {
        parse(text, &now()).map(|second| jiff::Timestamp::from_second(second).unwrap().to_string())
    }

    #[test]
    fn points_in_time_are_read() {
        for (text, expected) in [
            ("now", "2026-03-10T12:00:00Z"),
            ("now+1hour", "2026-03-10T13:00:00Z"),
            ("now + 30", "2026-03-10T12:00:30Z"),
            ("now-30days", "2026-02-08T12:00:00Z"),
            ("16:00", "2026-03-10T16:00:00Z"),
            ("11:00", "2026-03-11T11:00:00Z"),
            ("4:30pm", "2026-03-10T16:30:00Z"),
            ("midnight", "2026-03-11T00:00:00Z"),
            ("teatime", "2026-03-10T16:00:00Z"),
            ("tomorrow", "2026-03-11T00:00:00Z"),
            ("2030-01-20", "2030-01-20T00:00:00Z"),
            ("2030-01-20T12:34", "2030-01-20T12:34:00Z"),
            ("1970-01-01-00:00:01", "1970-01-01T00:00:01Z"),
            ("12/31/30", "2030-12-31T00:00:00Z"),
            ("123130", "2030-12-31T00:00:00Z"),
            ("16:00 12/31", "2026-12-31T16:00:00Z"),
        ] {
            assert_eq!(at(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "<time>", "now+", "now+1year", "25:00", "2030-13-01", "1 2 3"] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,30}") {
            let _ = parse(&text, &now());
        }
    }
}
