//! `sattach`: looks at the output of a running step (`sattach(1)`). The step goes on when it leaves; its exit code is
//! that of the tasks, as srun's, or 130 when the user has left.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

use prun_runtime::ids::{JobId, StepId, StepKey};
use prun_runtime::wire::launch::{Input as TaskInput, Output};

use super::ending::unreachable;
use super::srun::VERSION;
use super::switches::{COMMON, Switch, Value, Words, help, parse, switch};
use crate::controller::api::{Reply, Request, StepAttach};
use crate::controller::client::Client;
use crate::fanout::input::Input;
use crate::fanout::reach::{Door, reach};
use crate::fanout::session::{Feeding, Session};
use crate::fanout::signals::Signals;
use crate::fanout::watch::{Settings, Watch};
use crate::gather::files::{self, Destination, Feed, Streams, TaskStreams};
use crate::gather::label::Labels;
use crate::gather::outputs::{Outputs, describe_error};
use crate::layout::plan::Plan;
use crate::script::hostlist;

const OPTIONS: &[Switch] = &[
    switch("input-filter", None, Value::Needed, "send stdin to this task only"),
    switch("output-filter", None, Value::Needed, "show stdout of this task only"),
    switch("error-filter", None, Value::Needed, "show stderr of this task only"),
    switch("label", Some('l'), Value::None, "rank before each line"),
    switch("layout", None, Value::None, "show which task is where, and leave"),
    switch("pty", None, Value::None, "accepted"),
    switch("quiet", Some('Q'), Value::None, "only errors"),
];

const USAGE: &str = "Usage: sattach [options] <jobid.stepid>\n";

/// What a shell shows for a command that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Signals by which the user leaves: HUP, INT, QUIT, TERM.
const LEAVING: &[i32] = &[1, 2, 3, 15];

/// Runs the command with the words after its name.
#[must_use]
pub fn run(words: &[OsString]) -> ExitCode {
    match attach(words) {
        Ok(code) => ExitCode::from(code),
        Err(text) => {
            eprintln!("sattach: error: {text}");
            ExitCode::FAILURE
        }
    }
}

fn attach(words: &[OsString]) -> Result<u8, String> {
    let words: Vec<String> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let words = parse(&[OPTIONS, COMMON], &words)
        .map_err(|error| format!("{error}\nTry \"sattach --help\" for more information"))?;
    for (option, text) in [
        ("version", VERSION.to_owned()),
        ("help", help("sattach [options] <jobid.stepid>", &[OPTIONS, COMMON])),
        ("usage", USAGE.to_owned()),
    ] {
        if words.has(option) {
            show(&text);
            return Ok(0);
        }
    }
    let key = match words.operands.as_slice() {
        [operand] => step_key(operand).ok_or("Failed to parse stepid from command line options"),
        _ => Err("too many parameters"),
    };
    let key = key.inspect_err(|_| show(USAGE))?;
    let step = look_up(key)?;
    if words.has("layout") {
        show(&layout(&step.plan));
        return Ok(0);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let code = runtime.block_on(look(key, &step, &words));
    runtime.shutdown_background();
    code
}

fn show(text: &str) {
    // A reader that has seen enough is no error.
    let _ = io::stdout().write_all(text.as_bytes());
}

/// `12.0`, `12.batch`.
fn step_key(text: &str) -> Option<StepKey> {
    let (job, step) = text.split_once('.')?;
    let step = match step {
        "batch" => StepId::BATCH,
        number => StepId(number.parse().ok()?),
    };
    Some(StepKey { job: JobId(job.parse().ok()?), step })
}

fn look_up(key: StepKey) -> Result<StepAttach, String> {
    let ask = || Client::connect()?.call(Request::AttachStep { key });
    match ask() {
        Ok(Reply::Step(step)) => Ok(*step),
        Ok(Reply::Error(refusal)) => Err(format!("Could not get job step info: {}", refusal.code.text())),
        Ok(_) => Err("the controller answers something else".to_owned()),
        // The first prefix is put there by whoever says it.
        Err(error) => Err(unreachable("sattach", &error).join("\n").replacen("sattach: error: ", "", 1)),
    }
}

/// What `--layout` shows.
fn layout(plan: &Plan) -> String {
    let names: Vec<String> = plan.nodes.iter().map(|node| node.name.clone()).collect();
    let mut text = format!(
        "Job step layout:\n\t{} tasks, {} nodes ({})\n\n",
        plan.size(),
        names.len(),
        hostlist::compress(&names)
    );
    for (at, node) in plan.nodes.iter().enumerate() {
        let ranks: String = node.tasks.iter().map(|task| format!("{} ", task.rank)).collect();
        text.push_str(&format!("\tNode {at} ({}), {} task(s): {ranks}\n", node.name, node.tasks.len()));
    }
    text
}

/// Streams of a step that others have launched: all of them here, but for what the filters leave out.
fn streams(size: u32, words: &Words) -> Result<Streams, String> {
    let filter = |option: &str| match words.value(option) {
        None => Ok(None),
        Some(text) => match text.parse::<u32>() {
            Ok(rank) if rank < size => Ok(Some(rank)),
            _ => Err(format!("Invalid --{option} task id: {text}")),
        },
    };
    let (stdin, stdout, stderr) =
        (filter("input-filter")?, filter("output-filter")?, filter("error-filter")?);
    let to =
        |only: Option<u32>, rank: u32, output: usize| only.is_none_or(|only| only == rank).then_some(output);
    let task = |rank| TaskStreams {
        stdin: TaskInput::Null,
        stdout: Output::Log,
        stderr: Output::Log,
        stdout_to: to(stdout, rank, 0),
        stderr_to: to(stderr, rank, 1),
    };
    // Without somebody who types, tasks keep the input that their own launcher gives them.
    let feed = if io::stdin().is_terminal() || stdin.is_some() { Feed::Stdin } else { Feed::Nothing };
    Ok(Streams {
        outputs: vec![Destination::Stdout, Destination::Stderr],
        tasks: (0..size).map(task).collect(),
        feed,
        feed_only: stdin,
    })
}

async fn look(key: StepKey, step: &StepAttach, words: &Words) -> Result<u8, String> {
    let size = step.plan.size();
    let streams = streams(size, words)?;
    let variable = |name: &str| std::env::var(name).ok();
    let order = |terminal| files::order(&crate::script::options::Request::default(), &variable, terminal);
    let orders = [order(io::stdout().is_terminal()), order(io::stderr().is_terminal()), order(false)];
    let labels = words.has("label").then(|| Labels::new(size));
    let outputs = Outputs::open(&streams, labels, orders, false).map_err(|error| error.to_string())?;
    let feeding = match streams.feed {
        Feed::Stdin => {
            let input = io::stdin().as_fd().try_clone_to_owned().and_then(Input::read);
            let input =
                input.map_err(|error| format!("cannot read the input: {}", describe_error(&error)))?;
            Some(Feeding { input, only: streams.feed_only, ends: false })
        }
        _ => None,
    };
    let door = Door::of(step, false);
    let connections =
        reach(&door).await.map_err(|error| format!("{error}: {}", describe_error(&error.source)))?;
    let settings =
        Settings { command: "sattach", quiet: words.has("quiet"), onlooker: true, ..Settings::default() };
    let watch = Watch::new(key, &step.plan, settings);
    let mut signals = Signals::catch(LEAVING).map_err(|error| format!("cannot catch signals: {error}"))?;
    let outcome = Session::new(connections, watch, outputs, feeding).run(&mut signals).await;
    Ok(if outcome.left { INTERRUPTED } else { (outcome.exit.shell_code() & 0xff) as u8 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::plan::{NodePlan, TaskPlan};

    #[test]
    fn a_step_is_named_by_its_job_and_number() {
        let key = |step| Some(StepKey { job: JobId(12), step });
        assert_eq!(step_key("12.3"), key(StepId(3)));
        assert_eq!(step_key("12.batch"), key(StepId::BATCH));
        assert!([step_key("12"), step_key("a.b"), step_key("")].iter().all(Option::is_none));
    }

    #[test]
    fn the_layout_is_shown_as_slurm_does() {
        let node = |name: &str, ranks: &[u32]| NodePlan {
            name: name.to_owned(),
            tasks: ranks.iter().map(|&rank| TaskPlan { rank, ..TaskPlan::default() }).collect(),
            ..NodePlan::default()
        };
        let plan = Plan { nodes: vec![node("n1", &[0, 1]), node("n2", &[2])] };
        assert_eq!(
            layout(&plan),
            "Job step layout:\n\t3 tasks, 2 nodes (n[1-2])\n\n\tNode 0 (n1), 2 task(s): 0 1 \n\tNode 1 (n2), 1 task(s): 2 \n"
        );
    }

    #[test]
    fn filters_leave_one_task() {
        let words = |text: &str| parse(&[OPTIONS], &[text.to_owned()]).unwrap();
        let chosen = streams(3, &words("--output-filter=1")).unwrap();
        let routes: Vec<_> = chosen.tasks.iter().map(|task| (task.stdout_to, task.stderr_to)).collect();
        assert_eq!(routes, [(None, Some(1)), (Some(0), Some(1)), (None, Some(1))]);
        assert_eq!(streams(3, &words("--error-filter=3")).unwrap_err(), "Invalid --error-filter task id: 3");
    }
}
