//! One line that says how far a job is, redrawn while it waits and runs.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::controller::api::{JobState, JobView};

/// The line at the bottom of the terminal; nothing at all where stderr is none or the user wants quiet.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A line that shows the time passing by itself.
    #[must_use]
    pub fn new(visible: bool) -> Self {
        // indicatif draws nothing where stderr is not a terminal.
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} · {elapsed}") {
            bar.set_style(style);
        }
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self { bar }
    }

    /// Whether anybody sees it.
    #[must_use]
    pub fn is_visible(&self) -> bool {
        !self.bar.is_hidden()
    }

    /// Shows a job as it is now.
    pub fn show(&self, job: &JobView) {
        self.bar.set_message(line(job));
    }

    /// Shows a word about what is going on.
    pub fn say(&self, text: &str) {
        self.bar.set_message(text.to_owned());
    }

    /// Runs something that writes to the terminal with the line out of the way.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// `job 4711 test running · 3 nodes · 6 ranks, 2 finished`.
fn line(job: &JobView) -> String {
    if job.state == JobState::Pending {
        return format!("job {} {} waits ({})", job.id, job.name, job.reason);
    }
    let nodes = job.allocation.as_ref().map_or(0, |held| held.nodes.len());
    let steps = job.steps.iter().filter(|step| !step.key.step.is_batch());
    let (mut ranks, mut finished) = (0, 0);
    for step in steps {
        ranks += step.ntasks;
        finished += if step.end_time.is_some() { step.ntasks } else { step.usage.len() as u32 };
    }
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let nodes = plural(nodes, "node");
    match ranks {
        0 => format!("job {} {} runs · {nodes}", job.id, job.name),
        ranks => {
            let ranks = plural(ranks as usize, "rank");
            format!("job {} {} runs · {nodes} · {ranks}, {finished} finished", job.id, job.name)
        }
    }
}
