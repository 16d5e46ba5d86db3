//! What keys do, over everything else.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Widget};

use super::{Palette, frame};

const LINES: [&str; 13] = [
    "↑ ↓ j k        select a node, a job, a rank",
    "PgUp PgDn g G  ten lines, first line, last line",
    "Tab Shift-Tab  next pane, pane before",
    "h              hold the job: it does not start",
    "r              release it",
    "c              cancel the job; among ranks, their step",
    "Enter o        follow the output of the job; among ranks, of their step",
    "q Ctrl-C       leave",
    "",
    "A letter stands for a job: among the CPUs of nodes and before its line.",
    "Jobs that run come first, then the queue in its order, then the past.",
    "",
    "any key goes back",
];

pub(super) fn draw(palette: Palette, area: Rect, buffer: &mut Buffer) {
    let width = LINES.iter().map(|line| line.chars().count()).max().unwrap_or(0) as u16 + 4;
    let over = area.centered(
        ratatui::layout::Constraint::Length(width),
        ratatui::layout::Constraint::Length(LINES.len() as u16 + 2),
    );
    Clear.render(over, buffer);
    let block = frame("Keys".to_owned(), true, palette);
    let inner = block.inner(over);
    block.render(over, buffer);
    for (line, row) in LINES.iter().zip(inner.rows()) {
        Line::raw(format!(" {line}")).render(row, buffer);
    }
}
