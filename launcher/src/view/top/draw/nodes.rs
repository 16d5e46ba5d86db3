//! Nodes, each a line: its state, its CPUs as cells with the letters of the jobs that hold them, those jobs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::{Palette, first_shown, frame};
use crate::commands::facts::shown_id;
use crate::commands::states::NodeState;
use crate::controller::api::{JobView, NodeView};
use crate::view::top::rows::{cells, cpus, holders, letter};
use crate::view::top::state::{Model, Pane};

/// Cells for the CPUs of a node, at most half of the line.
const CELLS_MAX: usize = 64;

pub(super) fn draw(model: &Model, palette: Palette, area: Rect, buffer: &mut Buffer) {
    let Some((picture, _)) = &model.picture else {
        frame("Nodes".to_owned(), model.pane == Pane::Nodes, palette).render(area, buffer);
        return;
    };
    let title = match picture.nodes_left_out {
        0 => "Nodes".to_owned(),
        more => format!("Nodes, and {more} more"),
    };
    let block = frame(title, model.pane == Pane::Nodes, palette);
    let inner = block.inner(area);
    block.render(area, buffer);
    let names = picture.nodes.iter().map(|node| node.facts.name.chars().count()).max().unwrap_or(0);
    let widest = picture.nodes.iter().map(|node| node.facts.cpus as usize).max().unwrap_or(0);
    let width = widest.min(CELLS_MAX).min(usize::from(inner.width) / 2).max(1);
    let first = first_shown(model.node, picture.nodes.len(), usize::from(inner.height));
    let shown = picture.nodes.iter().enumerate().skip(first);
    for ((at, node), row) in shown.zip(inner.rows()) {
        let mut line = line(node, model, palette, (names, width));
        if at == model.node {
            line = line.patch_style(palette.selected(model.pane == Pane::Nodes));
        }
        line.render(row, buffer);
    }
}

fn line<'a>(node: &NodeView, model: &Model, palette: Palette, (names, width): (usize, usize)) -> Line<'a> {
    let jobs = model.jobs();
    let state = NodeState::of(node);
    let style = match state {
        NodeState::Down | NodeState::Draining | NodeState::Drained => palette.bad(),
        _ => Style::new(),
    };
    let cpus = cpus(node, jobs);
    let selected = model.selected().map(|job| job.id);
    let cell = |held: &Option<_>| match *held {
        Some(job) => Span::styled(letter(job).to_string(), palette.cpu(job, Some(job) == selected)),
        None => Span::styled("·", palette.faint()),
    };
    let mut spans = vec![
        Span::raw(format!("{:<names$}  ", node.facts.name)),
        Span::styled(format!("{:<5} ", state.compact()), style),
        Span::raw("["),
    ];
    let drawn: Vec<_> = cells(&cpus, width);
    spans.extend(drawn.iter().map(cell));
    spans.push(Span::raw(format!("]{:blank$} ", "", blank = width.saturating_sub(drawn.len()))));
    spans.push(Span::raw(format!("{:>3}/{:<3} ", node.cpus_allocated, node.facts.cpus)));
    for (job, count) in holders(&cpus) {
        spans.push(Span::styled(format!(" {}", holder(jobs, job, count)), palette.job(job)));
    }
    if let Some((reason, ..)) = &node.reason {
        spans.push(Span::styled(format!(" {reason}"), style));
    }
    Line::from(spans)
}

/// `12 probe ×2`: a job with the CPUs that it holds.
fn holder(jobs: &[JobView], id: prun_runtime::ids::JobId, count: usize) -> String {
    let named = jobs.iter().find(|job| job.id == id);
    let (id, name) = named.map_or((id.to_string(), ""), |job| (shown_id(job), job.name.as_str()));
    format!("{id} {name} ×{count}")
}
