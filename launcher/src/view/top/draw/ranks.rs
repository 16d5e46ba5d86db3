//! Steps and ranks of the job that is selected; of one that waits, what it waits for.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::{Palette, first_shown, frame};
use crate::commands::clock::{Clock, short};
use crate::commands::facts::{NULL, exit, shown_id, step_elapsed};
use crate::commands::jobref::ranges;
use crate::controller::api::{JobState, JobView, StepView};
use crate::view::top::rows::{RankRow, of_ranks};
use crate::view::top::state::{Model, Pane};

pub(super) fn draw(model: &Model, palette: Palette, area: Rect, buffer: &mut Buffer) {
    let active = model.pane == Pane::Ranks;
    let Some(job) = model.selected() else {
        frame("Steps and ranks".to_owned(), active, palette).render(area, buffer);
        return;
    };
    let block = frame(format!("Steps and ranks of job {} {}", shown_id(job), job.name), active, palette);
    let inner = block.inner(area);
    block.render(area, buffer);
    let rows = of_ranks(job);
    if rows.is_empty() {
        for (line, row) in waiting(job, &model.clock).into_iter().zip(inner.rows()) {
            Line::raw(line).render(row, buffer);
        }
        return;
    }
    let names = job.allocation.iter().flat_map(|held| &held.nodes).map(|node| node.name.chars().count());
    let names = names.max().unwrap_or(0);
    let first = first_shown(model.rank, rows.len(), usize::from(inner.height));
    for ((at, row), place) in rows.iter().enumerate().skip(first).zip(inner.rows()) {
        let mut line = line(row, names, palette, &model.clock);
        if at == model.rank && active {
            line = line.patch_style(palette.selected(true));
        }
        line.render(place, buffer);
    }
}

fn line<'a>(row: &RankRow<'_>, names: usize, palette: Palette, clock: &Clock) -> Line<'a> {
    match row {
        RankRow::Step(step) => step_line(step, palette, clock),
        RankRow::Task { rank, node, cpus, exit, .. } => {
            let cpus = match cpus {
                [] => String::new(),
                cpus => format!("cpu {}", ranges(cpus)),
            };
            let (state, style) = match exit {
                None => ("runs".to_owned(), Style::new()),
                Some(exit) => match (exit.code, exit.signal) {
                    (0, 0) => ("has ended".to_owned(), palette.faint()),
                    (code, 0) => (format!("exit code {code}"), palette.bad()),
                    (_, signal) => (format!("signal {signal}"), palette.bad()),
                },
            };
            Line::from(vec![
                Span::raw(format!("    rank {rank:<5} {node:<names$}  {cpus:<10} ")),
                Span::styled(state, style),
            ])
        }
    }
}

fn step_line<'a>(step: &StepView, palette: Palette, clock: &Clock) -> Line<'a> {
    let key = step.key.to_string();
    let tasks = format!("{} task{}", step.ntasks, if step.ntasks == 1 { "" } else { "s" });
    let mut spans = vec![
        Span::styled(format!("{key:<12} "), palette.strong()),
        Span::raw(format!("{:<12} ", step.name)),
        Span::styled(format!("{:<2} ", step.state.compact()), palette.state(step.state)),
        Span::raw(format!("{tasks:<9} {:>8}", short(step_elapsed(step, clock)))),
    ];
    if step.end_time.is_some() && step.state != JobState::Completed {
        spans.push(Span::styled(format!("  exit {}", exit(&step.exit)), palette.bad()));
    }
    Line::from(spans)
}

/// What is known of a job that has no steps.
fn waiting(job: &JobView, clock: &Clock) -> Vec<String> {
    let mut lines = Vec::new();
    if job.state == JobState::Pending {
        lines.push(format!("waits for {}", job.reason));
        if let Some(start) = job.start_time {
            let nodes = job.planned_nodes.as_deref().map(|nodes| format!(" on {nodes}")).unwrap_or_default();
            lines.push(format!("expected to start {}{nodes}", clock.time(start)));
        }
    }
    lines.extend(job.dependency.as_ref().map(|on| format!("depends on {on}")));
    let script = job.command.as_ref().filter(|command| *command != NULL);
    lines.extend(script.map(|command| format!("script {command}")));
    lines.push(format!("directory {}", String::from_utf8_lossy(&job.spec.work_dir)));
    lines
}
