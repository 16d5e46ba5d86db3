//! Times and durations as Slurm's commands write them; `SLURM_TIME_FORMAT` (`squeue(1)`, environment variables).

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, ZonedDateTime};

/// The hour it is, and how points in time are written.
#[derive(Debug, Clone)]
pub struct Clock {
    /// Unix seconds with fractions.
    pub now: f64,
    zone: TimeZone,
    format: Format,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Format {
    /// `2026-11-24T12:10:32`.
    Standard,
    /// `12:10:32`, `Ystday 12:10`, `25 Apr 12:10`, `6 Jun 2012`.
    Relative,
    /// As `strftime(3)`.
    Pattern(String),
}

impl Clock {
    /// The machine's clock and zone, and the variable's format.
    #[must_use]
    pub fn system() -> Self {
        let now = Timestamp::now();
        let format = std::env::var("SLURM_TIME_FORMAT").ok();
        Self::new(now.as_duration().as_secs_f64(), crate::local_time::zone(), format.as_deref())
    }

    /// A clock that stands still. `format` is what `SLURM_TIME_FORMAT` holds.
    #[must_use]
    pub fn new(now: f64, zone: TimeZone, format: Option<&str>) -> Self {
        let format = match format {
            None | Some("standard" | "") => Format::Standard,
            Some("relative") => Format::Relative,
            Some(pattern) => Format::Pattern(pattern.to_owned()),
        };
        Self { now, zone, format }
    }

    /// The hour it is, with its zone.
    #[must_use]
    pub fn zoned(&self) -> ZonedDateTime {
        self.at(self.now)
    }

    fn at(&self, second: f64) -> ZonedDateTime {
        let second = Timestamp::from_second(second as i64).unwrap_or_default();
        second.to_zoned_datetime(self.zone.clone())
    }

    /// A point in time.
    #[must_use]
    pub fn time(&self, second: f64) -> String {
        let at = self.at(second);
        match &self.format {
            Format::Standard => at.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            Format::Relative => relative(&at, &self.zoned()),
            Format::Pattern(pattern) => jiff::fmt::strtime::format(pattern, &at)
                .unwrap_or_else(|_| at.strftime("%Y-%m-%dT%H:%M:%S").to_string()),
        }
    }

    /// A point in time, or another text where there is none.
    #[must_use]
    pub fn time_or(&self, second: Option<f64>, none: &str) -> String {
        second.map_or_else(|| none.to_owned(), |second| self.time(second))
    }

    /// The head of `squeue -l`, `sinfo -l`: `Tue Nov 24 12:10:34 2026`.
    #[must_use]
    pub fn headline(&self) -> String {
        self.zoned().strftime("%a %b %d %H:%M:%S %Y").to_string()
    }
}

/// Near times short, far times with their date.
fn relative(at: &ZonedDateTime, now: &ZonedDateTime) -> String {
    let (day, today) = (at.date(), now.date());
    let days = |n: i64| today.checked_add(n.days()).unwrap_or(today);
    if day == today {
        at.strftime("%H:%M:%S").to_string()
    } else if day == days(1) {
        at.strftime("Tomorr %H:%M").to_string()
    } else if day == days(-1) {
        at.strftime("Ystday %H:%M").to_string()
    } else if day > today && day < days(7) {
        at.strftime("%a %H:%M").to_string()
    } else if day.year() == today.year() {
        at.strftime("%-d %b %H:%M").to_string()
    } else {
        at.strftime("%-d %b %Y").to_string()
    }
}

/// A duration as `squeue` writes it: `0:02`, `45:00`, `1:17:00`, `2-03:04:00`.
#[must_use]
pub fn short(seconds: u64) -> String {
    let (days, hours, minutes, seconds) =
        (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    if days > 0 {
        format!("{days}-{hours:02}:{minutes:02}:{seconds:02}")
    } else if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// A limit as `squeue` and `sinfo` write it, with their word for none.
#[must_use]
pub fn short_limit(minutes: Option<u32>, none: &str) -> String {
    minutes.map_or_else(|| none.to_owned(), |minutes| short(u64::from(minutes) * 60))
}

/// CPU time as `sacct` writes it: `00:00:00` for none, `00:00.027`, `01:02:03`, `1-02:03:04`.
#[must_use]
pub fn cpu(microseconds: u64) -> String {
    let seconds = microseconds / 1_000_000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    if days > 0 {
        format!("{days}-{hours:02}:{minutes:02}:{:02}", seconds % 60)
    } else if hours > 0 || microseconds == 0 {
        format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
    } else {
        format!("{minutes:02}:{:02}.{:03}", seconds % 60, microseconds / 1000 % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(format: Option<&str>) -> Clock {
        // 2026-11-24T12:10:32Z, a Tuesday.
        Clock::new(1_795_522_232.5, TimeZone::UTC, format)
    }

    #[test]
    fn points_in_time_follow_the_variable() {
        let day = 86_400.0;
        for (format, offset, expected) in [
            (None, 0.0, "2026-11-24T12:10:32"),
            (Some("standard"), 0.0, "2026-11-24T12:10:32"),
            (Some("%s"), 0.0, "1795522232"),
            (Some("%a %T"), 0.0, "Tue 12:10:32"),
            (Some("relative"), 60.0, "12:11:32"),
            (Some("relative"), day, "Tomorr 12:10"),
            (Some("relative"), -day, "Ystday 12:10"),
            (Some("relative"), 3.0 * day, "Fri 12:10"),
            (Some("relative"), -30.0 * day, "25 Oct 12:10"),
            (Some("relative"), 400.0 * day, "29 Dec 2027"),
        ] {
            let clock = clock(format);
            assert_eq!(clock.time(clock.now + offset), expected, "{format:?} {offset}");
        }
        assert_eq!(clock(None).time_or(None, "N/A"), "N/A");
        assert_eq!(clock(None).headline(), "Tue Nov 24 12:10:32 2026");
    }

    #[test]
    fn durations_are_as_short_as_can_be() {
        for (seconds, expected) in
            [(0, "0:00"), (2, "0:02"), (2700, "45:00"), (4620, "1:17:00"), (183_840, "2-03:04:00")]
        {
            assert_eq!(short(seconds), expected);
        }
        assert_eq!(short_limit(None, "UNLIMITED"), "UNLIMITED");
    }

    #[test]
    fn cpu_time_has_milliseconds_below_an_hour() {
        for (us, expected) in [
            (0, "00:00:00"),
            (27_999, "00:00.027"),
            (61_500_000, "01:01.500"),
            (3_600_000_000, "01:00:00"),
            (90_000_000_000, "1-01:00:00"),
        ] {
            assert_eq!(cpu(us), expected);
        }
    }
}
