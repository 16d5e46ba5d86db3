//! How busy this machine is (`sysinfo(2)`).

use crate::wire::node::MachineLoad;

/// Load and free memory as they are now. Does not block.
#[must_use]
pub(super) fn now() -> MachineLoad {
    let info = rustix::system::sysinfo();
    let [_, five_minutes, _] = info.loads;
    MachineLoad {
        // The system counts in parts of 1 << 16.
        hundredths: u32::try_from(five_minutes.saturating_mul(100) >> 16).unwrap_or(u32::MAX),
        free_mb: info.freeram.saturating_mul(info.mem_unit.into()) >> 20,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_proc_says() {
        let text = std::fs::read_to_string("/proc/loadavg").unwrap();
        let told: f64 = text.split_whitespace().nth(1).unwrap().parse().unwrap();
        let load = now();
        assert!((f64::from(load.hundredths) / 100.0 - told).abs() < 1.0, "{load:?} is not {text}");
        let memory = std::fs::read_to_string("/proc/meminfo").unwrap();
        let total = memory.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10;
        assert!(load.free_mb > 0 && load.free_mb <= total, "{load:?} of {total}");
    }
}
