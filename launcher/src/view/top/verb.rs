//! What a user does to a job or step, with the words for it before and after.

use prun_runtime::ids::StepKey;

use super::state::Act;
use crate::commands::facts::shown_id;
use crate::controller::api::{Action, JobRef, JobView, Refusal, Reply, Request, SignalFilter, SignalRequest};

/// A request with what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verb {
    /// `hold`, `release`, `cancel`.
    verb: &'static str,
    /// What it has become by it.
    done: &'static str,
    /// `job 12`, `step 12.0`.
    what: String,
    to: Deed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Deed {
    Act(JobRef, Action),
    Signal(Box<SignalRequest>),
}

impl Verb {
    /// Keeps a job from starting.
    #[must_use]
    pub fn hold(job: &JobView) -> Self {
        Self::act_on(job, "hold", "is held", Action::Hold)
    }

    /// Lets it start again.
    #[must_use]
    pub fn release(job: &JobView) -> Self {
        Self::act_on(job, "release", "is released", Action::Release)
    }

    fn act_on(job: &JobView, verb: &'static str, done: &'static str, action: Action) -> Self {
        Self { verb, done, what: name(job), to: Deed::Act(reference(job), action) }
    }

    /// Ends a job.
    #[must_use]
    pub fn cancel(job: &JobView) -> Self {
        let to = Deed::Signal(Box::new(signal(job)));
        Self { verb: "cancel", done: "is cancelled", what: name(job), to }
    }

    /// Ends a step of a job.
    #[must_use]
    pub fn cancel_step(job: &JobView, key: StepKey) -> Self {
        let request = SignalRequest { step: Some(key.step), ..signal(job) };
        let to = Deed::Signal(Box::new(request));
        Self { verb: "cancel", done: "is cancelled", what: format!("step {key}"), to }
    }

    /// `cancel job 12?`
    #[must_use]
    pub fn question(&self) -> String {
        format!("{} {}? y/n", self.verb, self.what)
    }

    /// What is to be done for it.
    #[must_use]
    pub fn act(self) -> Act {
        let request = match self.to.clone() {
            Deed::Act(job, action) => Request::Act { job, action },
            Deed::Signal(request) => Request::Signal(*request),
        };
        Act::Ask(self, Box::new(request))
    }

    /// What came of it, for the user.
    #[must_use]
    pub fn outcome(&self, answer: Result<Reply, String>) -> String {
        let why = match answer {
            Ok(Reply::Error(Refusal { code, .. })) => Some(code.text().to_owned()),
            Ok(Reply::Signalled(results)) => {
                let code = results.into_iter().find_map(|(_, code)| code);
                code.map(|code| code.text().to_owned())
            }
            Ok(_) => None,
            Err(why) => Some(why),
        };
        match why {
            None => format!("{} {}", self.what, self.done),
            Some(why) => format!("cannot {} {}: {why}", self.verb, self.what),
        }
    }
}

fn name(job: &JobView) -> String {
    format!("job {}", shown_id(job))
}

/// A job, one element of an array, or those of its elements that wait.
fn reference(job: &JobView) -> JobRef {
    let Some(array) = &job.array else {
        return JobRef { job: job.id, elements: None, component: None };
    };
    let elements = array.element.map_or_else(|| array.elements.clone(), |element| vec![element]);
    JobRef { job: array.id, elements: Some(elements), component: None }
}

fn signal(job: &JobView) -> SignalRequest {
    SignalRequest {
        jobs: vec![reference(job)],
        step: None,
        signal: None,
        batch: false,
        full: false,
        filter: SignalFilter::default(),
    }
}
