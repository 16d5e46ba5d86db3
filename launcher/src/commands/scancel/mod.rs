//! `scancel`: ends or signals jobs and steps (`scancel(1)`).

pub mod ask_first;
pub mod options;

use std::ffi::OsString;
use std::process::ExitCode;

use super::ask::Asking;
use super::ending::{Ending, finish};
use super::jobref::{Named, ranges};
use super::{users, utf8_words};
use crate::controller::api::{ErrorCode, JobRef, Reply, Request, SignalFilter, SignalRequest};
use options::{Order, Who};

/// Runs the command with the words after its name.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    let uid = rustix::process::getuid().as_raw();
    let me = users::name_of(uid).unwrap_or_else(|| uid.to_string());
    let known = |name: &str| users::uid_of(name).and_then(users::name_of);
    let order =
        Order::read(&utf8_words(words), &|name| std::env::var(name).ok(), &Who { me: &me, known: &known });
    finish(order.and_then(|order| carry_out(&order)))
}

/// Asks the controller. Blocks.
fn carry_out(order: &Order) -> Result<Ending, Ending> {
    let mut asking = Asking::connect("scancel")?;
    let mut ending = Ending::default();
    for request in &order.requests {
        let mut request = request.clone();
        if order.interactive && request.step.is_none() {
            let jobs = asking.jobs(false)?;
            report(order, &request, &ask_first::missing(&request, &jobs), &mut ending);
            request.jobs = ask_first::confirm(&request, &jobs);
            request.filter = SignalFilter::default();
            if request.jobs.is_empty() {
                continue;
            }
        }
        let result = match asking.ask(Request::Signal(request.clone())) {
            Ok(Reply::Signalled(result)) => result,
            Ok(_) => return Err(Ending::unexpected("scancel")),
            Err(no) => return Err(no.ending("scancel", "Kill job error")),
        };
        report(order, &request, &result, &mut ending);
    }
    Ok(ending)
}

/// What is said about each job, and the exit code. A job that has ended cannot be cancelled, which is no error
/// unless the order is a particular one.
fn report(
    order: &Order,
    request: &SignalRequest,
    result: &[(String, Option<ErrorCode>)],
    ending: &mut Ending,
) {
    let plain = request.step.is_none() && !order.particular;
    let what = if request.step.is_some() { "step" } else { "job" };
    for (name, code) in by_name(result) {
        let gone = matches!(code, Some(ErrorCode::InvalidJobId | ErrorCode::AlreadyDone));
        if order.verbose && !(gone && order.particular) {
            ending.stderr.push(match request.signal {
                None => format!("scancel: Terminating {what} {name}"),
                Some(signal) => format!("scancel: Signal {signal} to {what} {name}"),
            });
        }
        let Some(code) = code else { continue };
        let forgiven = plain && gone;
        if !forgiven {
            ending.code = 1;
        }
        if (!forgiven || order.verbose) && !order.quiet {
            let kind = if request.step.is_some() { "job step id" } else { "job id" };
            let code = if gone && order.particular { ErrorCode::InvalidJobId } else { code };
            ending.stderr.push(format!("scancel: error: Kill job error on {kind} {name}: {}", code.text()));
        }
    }
    if result.is_empty() && order.verbose {
        let text = "No active jobs match ALL job filters, including";
        ending.stderr.push(format!("scancel: error: {text}: {}", filters(request)));
    }
}

/// One result for each name: an array that is named as a whole stands for many jobs, and it is enough that one of
/// them was there.
fn by_name(result: &[(String, Option<ErrorCode>)]) -> Vec<(String, Option<ErrorCode>)> {
    let mut names: Vec<(String, Option<ErrorCode>)> = Vec::new();
    for (name, code) in result {
        let name = short(name);
        match names.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = known.and(*code),
            None => names.push((name, *code)),
        }
    }
    names
}

/// Elements as ranges: `5_[2-3]`.
fn short(name: &str) -> String {
    match Named::parse(name) {
        Some(Named { job, step: None }) if job.elements.is_some() => job_text(&job),
        _ => name.to_owned(),
    }
}

/// The filters as Slurm lists them, each with a blank behind.
fn filters(request: &SignalRequest) -> String {
    let filter = &request.filter;
    let nodes = (!filter.nodes.is_empty()).then(|| crate::script::hostlist::compress(&filter.nodes));
    let state = filter.state.map(|state| state.long().to_owned());
    let all = [
        ("account", &filter.account),
        ("job_name", &filter.name),
        ("nodelist", &nodes),
        ("partition", &filter.partition),
        ("qos", &filter.qos),
        ("reservation", &filter.reservation),
        ("state", &state),
        ("user_name", &filter.user),
        ("wckey", &filter.wckey),
    ];
    let named: String = request.jobs.iter().map(|job| format!("job_id={} ", job_text(job))).collect();
    let given = all.iter().filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}={value} ")));
    named + &given.collect::<String>()
}

fn job_text(job: &JobRef) -> String {
    match job.elements.as_deref() {
        None => job.component.map_or(job.job.to_string(), |component| format!("{}+{component}", job.job)),
        Some([element]) => format!("{}_{element}", job.job),
        Some(many) => format!("{}_[{}]", job.job, ranges(many)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str, result: &[(&str, Option<ErrorCode>)]) -> (Vec<String>, u8) {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let order =
            Order::read(&words, &|_| None, &Who { me: "eve", known: &|name| Some(name.to_owned()) }).unwrap();
        let result: Vec<_> = result.iter().map(|(name, code)| ((*name).to_owned(), *code)).collect();
        let mut ending = Ending::default();
        report(&order, &order.requests[0], &result, &mut ending);
        (ending.stderr, ending.code)
    }

    #[test]
    fn an_ended_job_is_an_error_only_for_signals_and_steps() {
        let unknown = [("99", Some(ErrorCode::InvalidJobId))];
        let line = "scancel: error: Kill job error on job id 99: Invalid job id specified".to_owned();
        assert_eq!(said("99", &unknown), (vec![], 0));
        assert_eq!(
            said("-v 99", &unknown),
            (vec!["scancel: Terminating job 99".to_owned(), line.clone()], 0)
        );
        assert_eq!(said("-s USR1 99", &unknown), (vec![line.clone()], 1));
        assert_eq!(said("-b 99", &unknown), (vec![line.clone()], 1));
        assert_eq!(said("-f 99", &unknown), (vec![], 0));
        let ended = [("99", Some(ErrorCode::AlreadyDone))];
        for order in ["-t RUNNING 99", "-n x 99", "-s KILL 99", "-v -p debug 99", "-i 99"] {
            assert_eq!(said(order, &ended), (vec![line.clone()], 1), "{order}");
        }
        assert_eq!(said("-Q -s USR1 99", &unknown), (vec![], 1));
        let step = [("1.0", Some(ErrorCode::InvalidJobId))];
        let line = "scancel: error: Kill job error on job step id 1.0: Invalid job id specified";
        assert_eq!(said("1.0", &step), (vec![line.to_owned()], 1));
    }

    #[test]
    fn verbose_names_jobs_and_filters() {
        assert_eq!(said("-v 5_[2-3]", &[("5_[2,3]", None)]).0, ["scancel: Terminating job 5_[2-3]"]);
        assert_eq!(
            said("-v -n aaa -u ada", &[]).0,
            ["scancel: error: No active jobs match ALL job filters, including: job_name=aaa user_name=ada "]
        );
        assert_eq!(said("-n aaa", &[]), (vec![], 0));
        let some = [("5", Some(ErrorCode::AlreadyDone)), ("5", None), ("5", None)];
        assert_eq!(said("-v 5", &some), (vec!["scancel: Terminating job 5".to_owned()], 0));
    }
}
