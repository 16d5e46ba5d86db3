//! What a configuration has from the machine that the controller runs on. The core itself knows of none.

use super::core::config::Config;

impl Config {
    /// The default one, with this machine's name and time zone.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let host = hostname::get()
            .map_or_else(|_| "localhost".to_owned(), |name| name.to_string_lossy().into_owned());
        Self { host, time_zone: crate::local_time::zone(), ..Self::default() }
    }

    /// The same with job numbers that do not begin at 1 on every machine, unless it says where they begin: programs
    /// derive port numbers from them.
    #[must_use]
    pub fn with_first_job(mut self) -> Self {
        /// Below this, so that numbers stay short.
        const FIRST_JOB_MAX: u32 = 60_000;
        // Neighbouring process numbers are to give job numbers that are far apart (Knuth's multiplicative hash).
        let spread = std::process::id().wrapping_mul(2_654_435_761);
        self.first_job.get_or_insert(spread % FIRST_JOB_MAX + 1);
        self
    }
}
