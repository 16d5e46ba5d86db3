//! What `prun top` shows, and what happens to it: event in, model changed, acts out.

use prun_runtime::ids::{JobId, StepKey};

use super::rows::{self, RankRow};
use super::scrollback::Scrollback;
use super::verb::Verb;
use crate::commands::clock::Clock;
use crate::commands::facts::shown_id;
use crate::controller::api::{ClusterView, JobView, Reply, Request};

/// A key, as far as one means anything here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// One line up.
    Up,
    /// One line down.
    Down,
    /// Ten lines up.
    PageUp,
    /// Ten lines down.
    PageDown,
    /// To the first line.
    First,
    /// To the last line.
    Last,
    /// To the next pane.
    Next,
    /// To the pane before.
    Previous,
    /// Return.
    Enter,
    /// Escape.
    Back,
    /// Ctrl-C.
    Interrupt,
    /// Any other character.
    Char(char),
}

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// The user has pressed a key.
    Key(Key),
    /// The cluster has changed.
    Picture(Box<ClusterView>),
    /// Time has passed.
    Clock(Clock),
    /// What became of a request; `Err` where the controller could not be asked.
    Answered(Verb, Result<Reply, String>),
    /// Bytes of the output that is followed.
    Output(bytes::Bytes),
    /// No more of it comes, and why.
    OutputOver(String),
}

/// Something to be done.
#[derive(Debug)]
pub enum Act {
    /// Ask the controller; the verb goes with the answer.
    Ask(Verb, Box<Request>),
    /// Follow this output from now on, and none that was followed before.
    Follow(Source),
    /// Follow none any more.
    Unfollow,
    /// Leave.
    Quit,
}

/// Where output comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file that grows.
    File(String),
    /// The logs of a step.
    Step(StepKey),
}

/// A part of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pane {
    /// Nodes with their CPUs.
    Nodes,
    /// Jobs that run, wait and have ended.
    #[default]
    Jobs,
    /// Steps and ranks of the job that is selected.
    Ranks,
}

impl Pane {
    const ORDER: [Self; 3] = [Self::Nodes, Self::Jobs, Self::Ranks];

    fn step(self, by: usize) -> Self {
        let at = Self::ORDER.iter().position(|pane| *pane == self).unwrap_or(0);
        Self::ORDER[(at + by) % Self::ORDER.len()]
    }
}

/// What lies over the panes.
#[derive(Debug, Default)]
pub enum Overlay {
    /// Nothing.
    #[default]
    None,
    /// What keys do.
    Help,
    /// A question that `y` says yes to.
    Question(Verb),
    /// Output of a job that is followed.
    Output(JobId, Scrollback),
}

/// Everything that is shown.
#[derive(Debug)]
pub struct Model {
    /// How the cluster is called, and where its controller is.
    pub title: String,
    /// The hour.
    pub clock: Clock,
    /// The cluster as it was told last, and the hour of that.
    pub picture: Option<(ClusterView, Clock)>,
    /// The pane that keys go to.
    pub pane: Pane,
    /// What lies over the panes.
    pub overlay: Overlay,
    /// What became of the last request.
    pub notice: Option<String>,
    /// Number of the node that is selected.
    pub node: usize,
    /// The job that is selected, and its place in the list.
    job: Option<(JobId, usize)>,
    /// Number of the line that is selected among steps and ranks.
    pub rank: usize,
}

/// Lines that a page key goes.
const PAGE: isize = 10;

impl Model {
    /// A screen that knows nothing yet.
    #[must_use]
    pub fn new(title: String, clock: Clock) -> Self {
        Self {
            title,
            clock,
            picture: None,
            pane: Pane::default(),
            overlay: Overlay::default(),
            notice: None,
            node: 0,
            job: None,
            rank: 0,
        }
    }

    /// Jobs in the order of the list.
    #[must_use]
    pub fn jobs(&self) -> &[JobView] {
        self.picture.as_ref().map_or(&[], |(picture, _)| &picture.jobs)
    }

    /// The job that is selected.
    #[must_use]
    pub fn selected(&self) -> Option<&JobView> {
        self.jobs().get(self.job?.1)
    }

    /// Its place in the list.
    #[must_use]
    pub fn selected_at(&self) -> Option<usize> {
        self.job.map(|(_, at)| at)
    }

    /// The job whose output is followed.
    #[must_use]
    pub fn followed(&self) -> Option<&JobView> {
        match &self.overlay {
            Overlay::Output(id, _) => self.jobs().iter().find(|job| job.id == *id),
            _ => None,
        }
    }

    /// Takes an event in; gives what is to be done about it.
    pub fn update(&mut self, event: Event) -> Option<Act> {
        match event {
            Event::Key(key) => return self.press(key),
            Event::Picture(picture) => self.show(*picture),
            Event::Clock(clock) => self.clock = clock,
            Event::Answered(verb, answer) => self.notice = Some(verb.outcome(answer)),
            Event::Output(bytes) => {
                if let Overlay::Output(_, output) = &mut self.overlay {
                    output.take(&bytes);
                }
            }
            Event::OutputOver(why) => {
                if let Overlay::Output(_, output) = &mut self.overlay {
                    output.over = Some(why);
                }
            }
        }
        None
    }

    /// A new picture. The selection stays with its job; where that is gone, with its place.
    fn show(&mut self, picture: ClusterView) {
        let place = |id| picture.jobs.iter().position(|job| job.id == id);
        let at =
            self.job.map_or(0, |(id, at)| place(id).unwrap_or(at)).min(picture.jobs.len().saturating_sub(1));
        let before = self.job;
        self.job = picture.jobs.get(at).map(|job| (job.id, at));
        self.node = self.node.min(picture.nodes.len().saturating_sub(1));
        self.picture = Some((picture, self.clock.clone()));
        if before.map(|(id, _)| id) != self.job.map(|(id, _)| id) {
            self.rank = 0;
        }
        self.rank = self.rank.min(self.rank_lines().saturating_sub(1));
    }

    fn rank_lines(&self) -> usize {
        self.selected().map_or(0, |job| rows::of_ranks(job).len())
    }

    fn press(&mut self, key: Key) -> Option<Act> {
        self.notice = None;
        if key == Key::Interrupt {
            return Some(Act::Quit);
        }
        match &mut self.overlay {
            Overlay::None => self.press_in_pane(key),
            Overlay::Help => {
                self.overlay = Overlay::None;
                None
            }
            Overlay::Question(_) => self.answer(key),
            Overlay::Output(_, output) => {
                if matches!(key, Key::Back | Key::Enter | Key::Char('q' | 'o')) {
                    self.overlay = Overlay::None;
                    return Some(Act::Unfollow);
                }
                if let Some(by) = lines(key) {
                    output.scroll(by);
                }
                None
            }
        }
    }

    fn answer(&mut self, key: Key) -> Option<Act> {
        match std::mem::take(&mut self.overlay) {
            Overlay::Question(verb) if matches!(key, Key::Char('y' | 'Y')) => Some(verb.act()),
            _ => None,
        }
    }

    fn press_in_pane(&mut self, key: Key) -> Option<Act> {
        match key {
            Key::Next => self.pane = self.pane.step(1),
            Key::Previous => self.pane = self.pane.step(2),
            Key::Char('q') => return Some(Act::Quit),
            Key::Char('?') => self.overlay = Overlay::Help,
            Key::Char('h') => return self.selected().map(|job| Verb::hold(job).act()),
            Key::Char('r') => return self.selected().map(|job| Verb::release(job).act()),
            Key::Char('c') => {
                if let Some(verb) = self.to_cancel() {
                    self.overlay = Overlay::Question(verb);
                }
            }
            Key::Enter | Key::Char('o') => return self.follow(),
            key => {
                if let Some(by) = lines(key) {
                    self.go(by);
                }
            }
        }
        None
    }

    fn go(&mut self, by: isize) {
        let to = |at: usize, length: usize| at.saturating_add_signed(by).min(length.saturating_sub(1));
        match self.pane {
            Pane::Nodes => {
                let nodes = self.picture.as_ref().map_or(0, |(picture, _)| picture.nodes.len());
                self.node = to(self.node, nodes);
            }
            Pane::Jobs => {
                let at = to(self.job.map_or(0, |(_, at)| at), self.jobs().len());
                self.job = self.jobs().get(at).map(|job| (job.id, at));
                self.rank = 0;
            }
            Pane::Ranks => self.rank = to(self.rank, self.rank_lines()),
        }
    }

    /// The step on whose line the selection is, while the keys go to the ranks.
    fn selected_step(&self) -> Option<StepKey> {
        let row = rows::of_ranks(self.selected()?).into_iter().nth(self.rank)?;
        (self.pane == Pane::Ranks).then_some(match row {
            RankRow::Step(step) | RankRow::Task { step, .. } => step.key,
        })
    }

    fn to_cancel(&self) -> Option<Verb> {
        let job = self.selected()?;
        let step = self.selected_step().filter(|key| !key.step.is_batch());
        Some(step.map_or_else(|| Verb::cancel(job), |key| Verb::cancel_step(job, key)))
    }

    /// Follows the output of the step or job that is selected.
    fn follow(&mut self) -> Option<Act> {
        let job = self.selected()?;
        let step = self.selected_step().filter(|key| !key.step.is_batch());
        let source = match step {
            Some(key) => rows::is_live(job, key).then_some(Source::Step(key)),
            None => rows::output_of(job),
        };
        let Some(source) = source else {
            let name = step.map_or_else(|| format!("job {}", shown_id(job)), |key| format!("step {key}"));
            self.notice = Some(format!("{name} has no output that could be followed"));
            return None;
        };
        let title = match &source {
            Source::File(path) => format!("job {} · {path}", shown_id(job)),
            Source::Step(key) => format!("step {key}"),
        };
        self.overlay = Overlay::Output(job.id, Scrollback::new(title));
        Some(Act::Follow(source))
    }
}

/// How many lines a key goes down.
fn lines(key: Key) -> Option<isize> {
    Some(match key {
        Key::Up | Key::Char('k') => -1,
        Key::Down | Key::Char('j') => 1,
        Key::PageUp => -PAGE,
        Key::PageDown => PAGE,
        Key::First | Key::Char('g') => isize::MIN + 1,
        Key::Last | Key::Char('G') => isize::MAX,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
