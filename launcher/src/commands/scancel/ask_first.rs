//! `scancel --interactive`: which of the jobs that would be cancelled really are to be.

use std::io::{self, BufRead, Write};

use crate::commands::facts;
use crate::commands::jobref::Named;
use crate::controller::api::{ErrorCode, JobRef, JobView, SignalFilter, SignalRequest};

/// The jobs that a request is about, as far as they have not ended.
#[must_use]
pub fn chosen<'a>(request: &SignalRequest, jobs: &'a [JobView]) -> Vec<&'a JobView> {
    let named = |job: &JobView| {
        let matches = |wanted: &JobRef| Named { job: wanted.clone(), step: None }.matches(job);
        request.jobs.is_empty() || request.jobs.iter().any(matches)
    };
    jobs.iter().filter(|job| !job.state.has_ended() && named(job) && passes(&request.filter, job)).collect()
}

/// Jobs that are named and are not there, or have ended.
#[must_use]
pub fn missing(request: &SignalRequest, jobs: &[JobView]) -> Vec<(String, Option<ErrorCode>)> {
    let open = |wanted: &&JobRef| {
        let named = Named { job: (*wanted).clone(), step: None };
        !jobs.iter().any(|job| !job.state.has_ended() && named.matches(job))
    };
    let gone = request.jobs.iter().filter(open);
    gone.map(|job| (super::job_text(job), Some(ErrorCode::InvalidJobId))).collect()
}

fn passes(filter: &SignalFilter, job: &JobView) -> bool {
    let is = |wanted: &Option<String>, text: &str| wanted.as_deref().is_none_or(|wanted| wanted == text);
    let is_one = |wanted: &Option<String>, text: Option<&str>| is(wanted, text.unwrap_or_default());
    is(&filter.name, &job.name)
        && filter.partition.as_deref().is_none_or(|wanted| job.partition.split(',').any(|p| p == wanted))
        && is(&filter.account, &job.account)
        && is(&filter.qos, &job.qos)
        && is(&filter.user, &job.submitter.user)
        && is_one(&filter.reservation, job.spec.reservation.as_deref())
        && is_one(&filter.wckey, job.spec.wckey.as_deref())
        && filter.state.is_none_or(|state| state == job.state)
        && (filter.nodes.is_empty() || facts::node_names(job).iter().any(|name| filter.nodes.contains(name)))
}

/// Asks about each job on the terminal; gives those that were said yes to. Blocks.
#[must_use]
pub fn confirm(request: &SignalRequest, jobs: &[JobView]) -> Vec<JobRef> {
    let verb = if request.signal.is_some() { "Signal" } else { "Cancel" };
    let mut wanted = Vec::new();
    for job in chosen(request, jobs) {
        let question = format!(
            "{verb} job_id={} name={} partition={} [y/n]? ",
            facts::component_id(job),
            job.name,
            job.partition
        );
        if is_yes(&question) {
            let elements = job.array.as_ref().map(|array| match array.element {
                Some(element) => vec![element],
                None => array.elements.clone(),
            });
            let number = job.array.as_ref().map_or(job.id, |array| array.id);
            wanted.push(JobRef { job: number, elements, component: None });
        }
    }
    wanted
}

/// Whether the answer begins with y. The end of the input is a no.
fn is_yes(question: &str) -> bool {
    let mut stdout = io::stdout().lock();
    if stdout.write_all(question.as_bytes()).and_then(|()| stdout.flush()).is_err() {
        return false;
    }
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).is_ok() && answer.trim_start().starts_with(['y', 'Y'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::samples;

    #[test]
    fn jobs_are_chosen_by_name_and_filter() {
        let jobs =
            [samples::pending(1), samples::running(2), samples::failed(3), samples::element(14, 12, 6)];
        let request = |ids: &[&str], name: Option<&str>| SignalRequest {
            jobs: ids.iter().filter_map(|id| Named::parse(id)).map(|named| named.job).collect(),
            step: None,
            signal: None,
            batch: false,
            full: false,
            filter: SignalFilter { name: name.map(str::to_owned), ..SignalFilter::default() },
        };
        let ids =
            |request: &SignalRequest| chosen(request, &jobs).iter().map(|job| job.id.0).collect::<Vec<_>>();
        assert_eq!(ids(&request(&[], Some("probe"))), [2, 14]);
        assert_eq!(ids(&request(&["1", "3", "12_6"], None)), [1, 14]);
        assert_eq!(ids(&request(&["1"], Some("probe"))), [] as [u32; 0]);
        let names: Vec<String> =
            missing(&request(&["1", "3", "99"], None), &jobs).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["3", "99"]);
    }
}
