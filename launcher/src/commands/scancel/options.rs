//! The command line of `scancel` and its input variables.

use prun_runtime::ids::StepId;

use crate::commands::ending::Ending;
use crate::commands::jobref::{Named, split_list};
use crate::commands::switches::{COMMON, Switch, Value, Words, help, parse, switch};
use crate::commands::{states, version};
use crate::controller::api::{JobRef, SignalFilter, SignalRequest};
use crate::script::hostlist::expand;
use crate::script::options::values::signal;

/// `scancel(1)`, options.
pub const TABLE: &[Switch] = &[
    switch("account", Some('A'), Value::Needed, "only jobs of this account"),
    switch("admin-comment", None, Value::Needed, ""),
    switch("batch", Some('b'), Value::None, "signal the script only"),
    switch("clusters", Some('M'), Value::Needed, "accepted; there is one cluster"),
    switch("cron", Some('c'), Value::None, ""),
    switch("ctld", None, Value::None, "accepted; the controller always does it"),
    switch("full", Some('f'), Value::None, "signal the script and all steps"),
    switch("hurry", Some('H'), Value::None, "accepted; there are no burst buffers"),
    switch("interactive", Some('i'), Value::None, "ask before each job"),
    switch("me", None, Value::None, "only my jobs"),
    switch("name", Some('n'), Value::Needed, "only jobs of this name"),
    switch("jobname", Some('n'), Value::Needed, ""),
    switch("nodelist", Some('w'), Value::Needed, "only jobs on these nodes"),
    switch("partition", Some('p'), Value::Needed, "only jobs in this partition"),
    switch("qos", Some('q'), Value::Needed, "only jobs of this quality of service"),
    switch("quiet", Some('Q'), Value::None, "no warnings"),
    switch("reservation", Some('R'), Value::Needed, "only jobs of this reservation"),
    switch("sibling", None, Value::Needed, ""),
    switch("signal", Some('s'), Value::Needed, "send this signal instead of ending the job"),
    switch("state", Some('t'), Value::Needed, "only jobs in this state: PENDING, RUNNING, SUSPENDED"),
    switch("user", Some('u'), Value::Needed, "only jobs of this user"),
    switch("wckey", None, Value::Needed, "only jobs of this key"),
];

const USAGE: &str = "scancel [OPTIONS] [JOB[_ELEMENT][.STEP] ...]";

/// What is to be cancelled or signalled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// One for all jobs, and one for each step.
    pub requests: Vec<SignalRequest>,
    /// Whether more is said about the jobs, or what to do to them, than their names. A job that is named and is not
    /// there is an error then.
    pub particular: bool,
    /// `--interactive`.
    pub interactive: bool,
    /// `--verbose`.
    pub verbose: bool,
    /// `--quiet`.
    pub quiet: bool,
}

/// The user by whom `--me` and numbers are read.
pub struct Who<'a> {
    /// The user's own name.
    pub me: &'a str,
    /// A user's name by name or number, if there is such a user.
    pub known: &'a dyn Fn(&str) -> Option<String>,
}

impl Order {
    /// Reads the words after `scancel`.
    ///
    /// # Errors
    /// What the command ends with: help too.
    pub fn read(
        words: &[String],
        variable: &dyn Fn(&str) -> Option<String>,
        who: &Who<'_>,
    ) -> Result<Self, Ending> {
        let words = parse(&[TABLE, COMMON], words).map_err(|error| {
            let mut ending = Ending::error(format!("scancel: {error}"), 1);
            ending.stderr.push("Try \"scancel --help\" for more information".to_owned());
            ending
        })?;
        if words.has("version") {
            return Err(Ending::text(version()));
        }
        if words.has("help") || words.has("usage") {
            return Err(Ending::text(help(USAGE, &[TABLE, COMMON])));
        }
        let on = |option: &str, name: &str| words.has(option) || variable(name).is_some();
        let (batch, full) = (on("batch", "SCANCEL_BATCH"), on("full", "SCANCEL_FULL"));
        let filter = filter(&words, variable, who)?;
        let signal = words.value("signal").map(signal_number).transpose()?;
        // KILL for the whole job is what `scancel` does without a signal, its state included.
        let signal = signal.filter(|&number| number != 9 || batch || full);
        let (jobs, steps) = targets(&words.operands)?;
        if jobs.is_empty() && steps.is_empty() && filter == SignalFilter::default() {
            return Err(Ending::error("scancel: error: No job identification provided", 1));
        }
        let request = |jobs, step| SignalRequest { jobs, step, signal, batch, full, filter: filter.clone() };
        let mut requests = Vec::new();
        if !jobs.is_empty() || steps.is_empty() {
            requests.push(request(jobs, None));
        }
        requests.extend(steps.into_iter().map(|(job, step)| request(vec![job], Some(step))));
        let interactive = on("interactive", "SCANCEL_INTERACTIVE");
        let signals = words.has("signal");
        Ok(Self {
            requests,
            particular: signals || batch || interactive || filter != SignalFilter::default(),
            interactive,
            verbose: on("verbose", "SCANCEL_VERBOSE"),
            quiet: words.has("quiet"),
        })
    }
}

/// Jobs, and steps with their jobs.
type Targets = (Vec<JobRef>, Vec<(JobRef, StepId)>);

fn targets(operands: &[String]) -> Result<Targets, Ending> {
    let (mut jobs, mut steps) = (Vec::new(), Vec::new());
    for word in operands.iter().flat_map(|operand| split_list(operand)) {
        match Named::parse(&word) {
            Some(Named { job, step: None }) => jobs.push(job),
            Some(Named { job, step: Some(step) }) => steps.push((job, step)),
            None => return Err(Ending::error(format!("scancel: error: Invalid job id {word}"), 1)),
        }
    }
    Ok((jobs, steps))
}

fn signal_number(text: &str) -> Result<i32, Ending> {
    signal(text).ok_or_else(|| Ending::error(format!("Unknown job signal: {text}"), 1))
}

fn filter(
    words: &Words,
    variable: &dyn Fn(&str) -> Option<String>,
    who: &Who<'_>,
) -> Result<SignalFilter, Ending> {
    let pick = |option: &str, name: &str| words.value(option).map(str::to_owned).or_else(|| variable(name));
    let user = match pick("user", "SCANCEL_USER") {
        _ if words.has("me") => Some(who.me.to_owned()),
        None => None,
        Some(user) => Some(
            (who.known)(&user)
                .ok_or_else(|| Ending::error(format!("scancel: error: Invalid user name: {user}"), 1))?,
        ),
    };
    let nodes = match words.value("nodelist") {
        None => Vec::new(),
        Some(list) => {
            expand(list).map_err(|_| Ending::error(format!("scancel: error: Invalid node list {list}"), 1))?
        }
    };
    let state = match pick("state", "SCANCEL_STATE") {
        None => None,
        // A state that no job here is ever in is one that has ended as well as any.
        Some(word) => Some(
            states::parse(&word)
                .ok_or_else(|| {
                    let mut ending = Ending::error(format!("Invalid job state specified: {word}"), 1);
                    let valid = "Valid job states are PENDING, RUNNING, and SUSPENDED";
                    ending.stderr.push(valid.to_owned());
                    ending
                })?
                .unwrap_or(crate::controller::api::JobState::Requeued),
        ),
    };
    Ok(SignalFilter {
        name: words.value("jobname").map(str::to_owned).or_else(|| pick("name", "SCANCEL_NAME")),
        partition: pick("partition", "SCANCEL_PARTITION"),
        account: pick("account", "SCANCEL_ACCOUNT"),
        qos: pick("qos", "SCANCEL_QOS"),
        state,
        user,
        nodes,
        reservation: words.value("reservation").map(str::to_owned),
        wckey: pick("wckey", "SCANCEL_WCKEY"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::api::JobState;

    fn read(line: &str) -> Result<Order, Ending> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let known = |name: &str| (name == "ada" || name == "1000").then(|| "ada".to_owned());
        Order::read(&words, &|_| None, &Who { me: "eve", known: &known })
    }

    #[test]
    fn jobs_go_together_and_steps_one_by_one() {
        let order = read("12 13_[1-2] 14.0 15.batch -s USR1").unwrap();
        assert_eq!(order.requests.len(), 3);
        assert_eq!(order.requests[0].jobs.len(), 2);
        assert_eq!(order.requests[0].signal, Some(10));
        assert_eq!(order.requests[2].step, Some(StepId::BATCH));
    }

    #[test]
    fn filters_stand_for_all_jobs_they_leave() {
        let order = read("-u 1000 --name=x --state=running -w n[1-2]").unwrap();
        let filter = &order.requests[0].filter;
        assert_eq!((filter.user.as_deref(), filter.name.as_deref()), (Some("ada"), Some("x")));
        assert_eq!((filter.state, filter.nodes.len()), (Some(JobState::Running), 2));
        assert!(order.requests[0].jobs.is_empty());
        assert_eq!(read("--me").unwrap().requests[0].filter.user.as_deref(), Some("eve"));
    }

    #[test]
    fn kill_of_a_whole_job_is_a_cancellation() {
        assert_eq!(read("-s KILL 1").unwrap().requests[0].signal, None);
        assert_eq!(read("-b -s 9 1").unwrap().requests[0].signal, Some(9));
        assert_eq!(read("1 --signal SIGTERM").unwrap().requests[0].signal, Some(15));
    }

    #[test]
    fn mistakes_are_said_as_slurm_says_them() {
        for (line, text) in [
            ("", "scancel: error: No job identification provided"),
            ("-b", "scancel: error: No job identification provided"),
            ("abc", "scancel: error: Invalid job id abc"),
            ("1.x", "scancel: error: Invalid job id 1.x"),
            ("-u nobody", "scancel: error: Invalid user name: nobody"),
            ("-t nitem -u ada", "Invalid job state specified: nitem"),
            ("-s FOO 1", "Unknown job signal: FOO"),
            ("--foo", "scancel: unrecognized option '--foo'"),
        ] {
            let ending = read(line).unwrap_err();
            assert_eq!((ending.stderr[0].as_str(), ending.code), (text, 1), "{line}");
        }
    }
}
