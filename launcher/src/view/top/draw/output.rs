//! Output that is followed: its last lines, from the bottom of the screen upwards.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::{Palette, frame};
use crate::controller::api::JobView;
use crate::view::top::scrollback::Scrollback;

/// What keys do here.
pub(super) const KEYS: &str = " ↑↓ PgUp PgDn scroll  End follow  Esc back";

/// `job` is the one whose output it is, while the cluster knows it.
pub(super) fn draw(
    output: &Scrollback,
    job: Option<&JobView>,
    palette: Palette,
    area: Rect,
    buffer: &mut Buffer,
) {
    let mut title = format!("Output of {}", output.title);
    if let Some(job) = job {
        title += &format!(" · job {}", job.state.long());
    }
    if let Some(why) = &output.over {
        title += &format!(" · {why}");
    }
    if !output.follows() {
        title += " · stands still: End goes on";
    }
    let block = frame(title, true, palette);
    let inner = block.inner(area);
    block.render(area, buffer);
    let width = usize::from(inner.width);
    if width == 0 {
        return;
    }
    let mut rows: Vec<String> = Vec::new();
    for line in output.upwards() {
        if rows.len() >= usize::from(inner.height) {
            break;
        }
        rows.extend(wrap(&line, width).into_iter().rev());
    }
    // What does not fill the pane stands at its top.
    rows.truncate(usize::from(inner.height));
    for (line, row) in rows.into_iter().rev().zip(inner.rows()) {
        Line::raw(line).render(row, buffer);
    }
}

/// A line in pieces of so many columns.
fn wrap(line: &str, width: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut columns = 0;
    for char in line.chars() {
        let wide = Span::raw(&*char.encode_utf8(&mut [0; 4])).width();
        if columns + wide > width {
            pieces.push(String::new());
            columns = 0;
        }
        columns += wide;
        if let Some(piece) = pieces.last_mut() {
            piece.push(char);
        }
    }
    pieces
}
