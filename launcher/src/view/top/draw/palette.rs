//! Colours, and what stands for them where there are none.

use prun_runtime::ids::JobId;
use ratatui::style::{Color, Modifier, Style};

use crate::controller::api::JobState;

/// Colours of jobs: those of sixteen that are read well on black and on white, without red, which is for what failed.
const OF_JOBS: [Color; 5] = [Color::Green, Color::Yellow, Color::Blue, Color::Magenta, Color::Cyan];

/// How things look on this terminal.
#[derive(Debug, Clone, Copy)]
pub struct Palette {
    colours: bool,
}

impl Palette {
    /// With colours, or with bold and reversed cells alone.
    #[must_use]
    pub fn new(colours: bool) -> Self {
        Self { colours }
    }

    fn coloured(self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }

    pub(super) fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(super) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) fn active(self) -> Style {
        self.coloured(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    pub(super) fn question(self) -> Style {
        self.coloured(Color::Yellow).add_modifier(Modifier::BOLD | Modifier::REVERSED)
    }

    /// A line that is selected; in a pane which keys do not go to it is only bold.
    pub(super) fn selected(self, active: bool) -> Style {
        Style::new().add_modifier(if active { Modifier::REVERSED } else { Modifier::BOLD })
    }

    /// Whatever stands for a job.
    pub(super) fn job(self, job: JobId) -> Style {
        self.coloured(OF_JOBS[job.0 as usize % OF_JOBS.len()])
    }

    /// A cell that stands for CPUs of a job; those of the job that is selected stand out.
    pub(super) fn cpu(self, job: JobId, selected: bool) -> Style {
        let style = self.job(job);
        if selected { style.add_modifier(Modifier::REVERSED | Modifier::BOLD) } else { style }
    }

    pub(super) fn state(self, state: JobState) -> Style {
        match state {
            JobState::Running | JobState::Completing => self.coloured(Color::Green),
            JobState::Pending | JobState::Suspended => self.coloured(Color::Yellow),
            JobState::Completed | JobState::Cancelled | JobState::Requeued => self.faint(),
            _ => self.coloured(Color::Red),
        }
    }

    pub(super) fn bad(self) -> Style {
        self.coloured(Color::Red).add_modifier(Modifier::BOLD)
    }
}
