//! This machine's time zone, without reading the whole zone database for it.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

/// The zone of `/etc/localtime`, or of `TZ` where that is set (`tzset(3)`). Blocks on one small file.
#[must_use]
pub fn zone() -> TimeZone {
    // What TZ may name is the library's to know. It looks a zone up by name in the database, which for the usual case
    // means a thousand files read for one: most of the time that a short job takes.
    if std::env::var_os("TZ").is_some() {
        return TimeZone::system();
    }
    let file = std::fs::read("/etc/localtime").ok();
    file.and_then(|bytes| TimeZone::tzif("Local", &bytes).ok()).unwrap_or(TimeZone::UTC)
}

/// The hour it is here.
#[must_use]
pub fn now() -> ZonedDateTime {
    Timestamp::now().to_zoned_datetime(zone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hour_is_the_same_as_by_the_zones_name() {
        let (own, library) = (now(), ZonedDateTime::now());
        assert_eq!(own.offset(), library.offset());
        assert!((library.timestamp().as_second() - own.timestamp().as_second()).abs() < 5);
    }
}
