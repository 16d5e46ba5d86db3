//! `POST job/submit`: a job described in JSON. Lines of `#SBATCH` mean nothing here, as with Slurm's server.

use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use prun_runtime::limits::{HET_COMPONENTS_MAX, SCRIPT_BYTES_MAX};
use serde_bytes::ByteBuf;
use serde_json::{Map, Value};

use super::answer::Answer;
use super::api::{Api, Sent};
use super::describe::Description;
use super::errno;
use super::value::Wrong;
use crate::commands::clock::Clock;
use crate::commands::submit::{complete, settle, submitter};
use crate::controller::api::{ErrorCode, Refusal, Reply, Request, Script, Submission};
use crate::environment::Variables;
use crate::script::mistake::Mistake;
use crate::script::options::Command;
use crate::script::read_line;
use crate::script::spec::JobSpec;

const SOURCE: &str = "slurm_submit_batch_job()";

/// Answers with the job's number.
pub(super) async fn submit(State(api): State<Arc<Api>>, Sent(sent): Sent) -> Result<Answer, Answer> {
    let wanted = Wanted::read(&sent)?;
    let (submission, warnings) = wanted.submission()?;
    match api.ask(Request::Submit(Box::new(submission))).await {
        Ok(Reply::Submitted { job, warnings: said }) => {
            let answer = Answer::of("job_id", job.0).and("step_id", "batch").and("job_submit_user_msg", "");
            let answer = answer.warn_all(warnings);
            Ok(said.iter().fold(answer, |answer, line| answer.warn(line, SOURCE)))
        }
        Ok(_) => Err(Answer::unexpected(SOURCE)),
        Err(no) => Err(no.answer("Batch job submission failed", SOURCE)),
    }
}

/// What is asked for.
#[derive(Debug)]
struct Wanted {
    script: String,
    /// More than one is a heterogeneous job.
    components: Vec<Description>,
}

impl Wanted {
    fn read(sent: &Value) -> Result<Self, Answer> {
        let one = |fields: &Map<String, Value>, place: &str| Description::read(fields, place).map_err(wrong);
        let mut components = match (&sent["job"], &sent["jobs"]) {
            (Value::Object(job), _) => vec![one(job, "#/job")?],
            (_, Value::Array(jobs)) if jobs.len() > HET_COMPONENTS_MAX => {
                return Err(Answer::invalid("more components than a heterogeneous job has", "_job_post"));
            }
            (_, Value::Array(jobs)) => {
                let of = |(at, job): (usize, &Value)| {
                    let fields = job.as_object().cloned().unwrap_or_default();
                    one(&fields, &format!("#/jobs/{at}"))
                };
                jobs.iter().enumerate().map(of).collect::<Result<_, _>>()?
            }
            _ => Vec::new(),
        };
        let own = components.first_mut().and_then(|first| first.script.take());
        let script = sent["script"].as_str().map(str::to_owned).or(own).filter(|script| !script.is_empty());
        let Some(script) = script else {
            let text = "Populated \"script\" field is required for job submission";
            return Err(Answer::invalid(text, "_job_post"));
        };
        if components.is_empty() {
            return Err(Answer::invalid(
                "one of \"job\" and \"jobs\" is required for job submission",
                "_job_post",
            ));
        }
        if script.len() > SCRIPT_BYTES_MAX {
            return Err(Answer::invalid("the script is larger than Slurm's `max_script_size`", "_job_post"));
        }
        Ok(Self { script, components })
    }

    /// As the controller takes it, with what the user should read.
    fn submission(self) -> Result<(Submission, Vec<Value>), Answer> {
        let mut warnings = Vec::new();
        let (mut jobs, mut env, mut args) = (Vec::new(), Vec::new(), Vec::new());
        for (at, component) in self.components.into_iter().enumerate() {
            let (job, more) = spec(&component)?;
            if at == 0 {
                env = variables(&component.environment);
                args = component.args.into_iter().map(|arg| ByteBuf::from(arg.into_bytes())).collect();
            }
            warnings.extend(component.warnings);
            warnings.extend(more);
            jobs.push(job);
        }
        // Without any, no program of the script would be found.
        if env.is_empty() {
            let code = ErrorCode::Journal;
            let error = (errno::of(code), "I/O error writing script/environment to file");
            let text = "Batch job submission failed: `environment` is required, and not empty";
            return Err(Answer::empty().fail(StatusCode::INTERNAL_SERVER_ERROR, text, error, SOURCE));
        }
        let script = Script { path: String::new(), content: ByteBuf::from(self.script.into_bytes()), args };
        let submitter = submitter("slurmrestd", &[], None);
        Ok((Submission { components: jobs, script: Some(script), env, submitter, streams: false }, warnings))
    }
}

/// The job that one description asks for.
fn spec(description: &Description) -> Result<(JobSpec, Vec<Value>), Answer> {
    let Some(directory) = &description.directory else {
        let error = (2063, "Job cannot be submitted without the current working directory specified.");
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        return Err(Answer::empty().fail(status, "Batch job submission failed", error, SOURCE));
    };
    let (mut request, _) = read_line(Command::Sbatch, &description.words, &|_| None).map_err(mistaken)?;
    let now = Clock::system().zoned();
    complete::complete(Command::Sbatch, &mut request, Path::new(directory), &now, None).map_err(mistaken)?;
    let said = settle::settle(Command::Sbatch, &mut request).map_err(mistaken)?;
    let mut job = request.job;
    (job.begin, job.deadline) = (description.begin, description.deadline);
    let said = said.iter().map(|line| line.strip_prefix("sbatch: warning: ").unwrap_or(line));
    Ok((job, said.map(|line| serde_json::json!({ "description": line, "source": SOURCE })).collect()))
}

fn variables(environment: &[String]) -> Variables {
    let pair = |entry: &String| {
        let (name, value) = entry.split_once('=')?;
        Some((ByteBuf::from(name.as_bytes()), ByteBuf::from(value.as_bytes())))
    };
    environment.iter().filter_map(pair).collect()
}

/// A value that cannot be what its field is.
pub(super) fn wrong(wrong: Wrong) -> Answer {
    Answer::empty().fail(StatusCode::BAD_REQUEST, &wrong.text, errno::CONVERSION, &wrong.place)
}

/// What `sbatch` would say of the same options.
fn mistaken(mistake: Mistake) -> Answer {
    let lines = mistake.slurm.iter().map(|line| line.strip_prefix("sbatch: error: ").unwrap_or(line));
    let refusal = Refusal { code: ErrorCode::Unspecified, detail: lines.map(str::to_owned).collect() };
    Answer::empty().refuse("Batch job submission failed", &refusal, SOURCE)
}
