//! The queue, as `squeue` shows it, with the letters that stand for jobs among the nodes.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::Span;
use ratatui::widgets::{Cell, Row, Table, Widget};

use super::{Palette, first_shown, frame};
use crate::commands::clock::{Clock, short, short_limit};
use crate::commands::facts::{elapsed, node_count, nodes_or_reason, shown_id};
use crate::controller::api::{JobState, JobView};
use crate::view::top::rows::{holds, letter};
use crate::view::top::state::{Model, Pane};

/// Columns of the screen below which the table has no room for users, nodes and CPUs.
const WIDE_MIN: u16 = 70;

/// Columns of the screen below which it has none for limits.
const LIMITS_MIN: u16 = 96;

pub(super) fn draw(model: &Model, palette: Palette, area: Rect, buffer: &mut Buffer) {
    let active = model.pane == Pane::Jobs;
    let title = match &model.picture {
        Some((picture, _)) if picture.jobs_left_out > 0 => {
            format!("Jobs, and {} more", picture.jobs_left_out)
        }
        _ => "Jobs".to_owned(),
    };
    let block = frame(title, active, palette);
    let inner = block.inner(area);
    block.render(area, buffer);
    let (wide, limits) = (area.width >= WIDE_MIN, area.width >= LIMITS_MIN);
    let jobs = model.jobs();
    let rows = usize::from(inner.height).saturating_sub(1);
    let first = first_shown(model.selected_at().unwrap_or(0), jobs.len(), rows);
    let lines = jobs.iter().enumerate().skip(first).take(rows).map(|(at, job)| {
        let row = line(job, model, palette, (wide, limits));
        if model.selected_at() == Some(at) { row.style(palette.selected(active)) } else { row }
    });
    let id = jobs.iter().map(|job| shown_id(job).chars().count()).max().unwrap_or(0).clamp(5, 18) as u16;
    let mut widths = vec![Constraint::Length(1), Constraint::Length(id), Constraint::Fill(1)];
    let mut head = vec!["", "JOBID", "NAME"];
    if wide {
        widths.push(Constraint::Length(8));
        head.push("USER");
    }
    widths.extend([Constraint::Length(2), Constraint::Length(10)]);
    head.extend(["ST", "TIME"]);
    if limits {
        widths.push(Constraint::Length(10));
        head.push("LIMIT");
    }
    if wide {
        widths.extend([Constraint::Length(5), Constraint::Length(4)]);
        head.extend(["NODES", "CPUS"]);
    }
    widths.push(Constraint::Fill(2));
    head.push("NODELIST(REASON)");
    Table::new(lines, widths).header(Row::new(head).style(palette.faint())).render(inner, buffer);
}

fn line<'a>(job: &JobView, model: &Model, palette: Palette, (wide, limits): (bool, bool)) -> Row<'a> {
    let mark = if holds(job) { letter(job.id).to_string() } else { String::new() };
    let mut cells = vec![
        Cell::from(Span::styled(mark, palette.job(job.id))),
        Cell::from(shown_id(job)),
        Cell::from(job.name.clone()),
    ];
    if wide {
        cells.push(Cell::from(job.submitter.user.clone()));
    }
    cells.push(Cell::from(Span::styled(job.state.compact(), palette.state(job.state))));
    cells.push(Cell::from(time(job, model)));
    if limits {
        cells.push(Cell::from(short_limit(job.time_limit, "UNLIMITED")));
    }
    if wide {
        cells.push(Cell::from(node_count(job).to_string()));
        cells.push(Cell::from(job.cpus.to_string()));
    }
    cells.push(Cell::from(nodes_or_reason(job)));
    let style = if job.state.has_ended() { palette.faint() } else { Style::new() };
    Row::new(cells).style(style)
}

/// How long it has run. The time that a suspension has lasted is known as of the picture: the clock stands still.
fn time(job: &JobView, model: &Model) -> String {
    let told: &Clock = model.picture.as_ref().map_or(&model.clock, |(_, clock)| clock);
    short(elapsed(job, if job.state == JobState::Suspended { told } else { &model.clock }))
}
