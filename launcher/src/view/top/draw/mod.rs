//! The screen of `prun top`, put into cells. Pure: any size of screen will do, the smallest shows least.

mod help;
mod jobs;
mod nodes;
mod output;
mod palette;
mod ranks;
#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Widget};

pub use self::palette::Palette;
use super::rows::holds;
use super::state::{Model, Overlay, Pane};
use crate::controller::api::JobState;

/// Rows below which only the pane that keys go to is drawn.
const ALL_PANES_ROWS_MIN: u16 = 16;

/// What keys do, shortest.
const KEYS: &str = " ↑↓ select  Tab pane  h hold  r release  c cancel  Enter output  ? help  q quit";

/// Draws everything into an area.
pub fn draw(model: &Model, palette: Palette, area: Rect, buffer: &mut Buffer) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)]).areas(area);
    header(model, palette, head, buffer);
    match &model.overlay {
        Overlay::Output(_, followed) => {
            output::draw(followed, model.followed(), palette, body, buffer);
            Line::styled(output::KEYS, palette.faint()).render(foot, buffer);
            return;
        }
        _ if body.height < ALL_PANES_ROWS_MIN => pane(model, model.pane, palette, body, buffer),
        _ => {
            let areas: [Rect; 3] = Layout::vertical(heights(model, body.height)).areas(body);
            for (which, area) in [Pane::Nodes, Pane::Jobs, Pane::Ranks].into_iter().zip(areas) {
                pane(model, which, palette, area, buffer);
            }
        }
    }
    if matches!(model.overlay, Overlay::Help) {
        help::draw(palette, body, buffer);
    }
    footer(model, palette, foot, buffer);
}

/// Rows of the panes: nodes and jobs take what they need, as far as something is left for the panes below.
fn heights(model: &Model, rows: u16) -> [Constraint; 3] {
    let lines = |count: usize, frame: u16| u16::try_from(count).unwrap_or(u16::MAX).saturating_add(frame);
    let nodes = model.picture.as_ref().map_or(0, |(picture, _)| picture.nodes.len());
    let nodes = lines(nodes, 2).clamp(3, rows / 3);
    let most = (rows - nodes) * 3 / 5;
    let jobs = lines(model.jobs().len(), 3).clamp(5.min(most), most);
    [Constraint::Length(nodes), Constraint::Length(jobs), Constraint::Fill(1)]
}

fn pane(model: &Model, which: Pane, palette: Palette, area: Rect, buffer: &mut Buffer) {
    match which {
        Pane::Nodes => nodes::draw(model, palette, area, buffer),
        Pane::Jobs => jobs::draw(model, palette, area, buffer),
        Pane::Ranks => ranks::draw(model, palette, area, buffer),
    }
}

/// The frame of a pane; that of the pane which keys go to stands out.
fn frame<'a>(title: String, active: bool, palette: Palette) -> Block<'a> {
    let (kind, style) =
        if active { (BorderType::Thick, palette.active()) } else { (BorderType::Plain, palette.faint()) };
    Block::bordered().border_type(kind).border_style(style).title(Span::styled(format!(" {title} "), style))
}

/// The first line that is drawn of so many, so that the selected one is among those that fit.
fn first_shown(selected: usize, lines: usize, rows: usize) -> usize {
    selected.saturating_sub(rows / 2).min(lines.saturating_sub(rows))
}

/// `prun top · cluster · 3 nodes, 4 of 6 CPUs held · 2 jobs run, 1 waits · Tue Nov 24 12:10:32 2026`.
fn header(model: &Model, palette: Palette, area: Rect, buffer: &mut Buffer) {
    let mut text = format!(" {}", model.title);
    if let Some((picture, _)) = &model.picture {
        let cpus = picture.nodes.iter().map(|node| u64::from(node.facts.cpus)).sum::<u64>();
        let held = picture.nodes.iter().map(|node| u64::from(node.cpus_allocated)).sum::<u64>();
        let run = picture.jobs.iter().filter(|job| holds(job)).count();
        let wait = picture.jobs.iter().filter(|job| job.state == JobState::Pending).count();
        let nodes = picture.nodes.len() + picture.nodes_left_out;
        text += &format!(" · {nodes} nodes · {held} of {cpus} CPUs held · {run} running, {wait} waiting");
    }
    let hour = model.clock.headline();
    let room = usize::from(area.width).saturating_sub(hour.chars().count() + 2);
    Line::styled(text.clone(), palette.strong()).render(area, buffer);
    if text.chars().count() <= room {
        Line::styled(hour + " ", palette.faint()).right_aligned().render(area, buffer);
    }
}

fn footer(model: &Model, palette: Palette, area: Rect, buffer: &mut Buffer) {
    let line = match (&model.overlay, &model.notice) {
        (Overlay::Question(verb), _) => Line::styled(format!(" {}", verb.question()), palette.question()),
        (_, Some(notice)) => Line::styled(format!(" {notice}"), palette.strong()),
        _ => Line::styled(KEYS, palette.faint()),
    };
    line.render(area, buffer);
}
