//! Screens as text.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::{Palette, draw};
use crate::view::top::sample;
use crate::view::top::state::{Event, Key, Model, Overlay};

fn buffer(model: &Model, colours: bool, (width, height): (u16, u16)) -> ratatui::buffer::Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let palette = Palette::new(colours);
    terminal.draw(|frame| draw(model, palette, frame.area(), frame.buffer_mut())).unwrap();
    terminal.backend().buffer().clone()
}

fn screen(model: &Model, size: (u16, u16)) -> String {
    let buffer = buffer(model, false, size);
    let row = |row: &[ratatui::buffer::Cell]| {
        let text: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        text.trim_end().to_owned() + "\n"
    };
    buffer.content.chunks(usize::from(size.0).max(1)).map(row).collect()
}

fn press(model: &mut Model, keys: &[Key]) {
    for key in keys {
        model.update(Event::Key(*key));
    }
}

#[test]
fn a_cluster_on_a_screen() {
    assert_eq!(screen(&sample::model(), (100, 24)), include_str!("snapshots/cluster.txt"));
}

#[test]
fn a_screen_of_eighty_columns_has_no_limits() {
    let shown = screen(&sample::model(), (80, 24));
    assert!(!shown.contains("LIMIT"), "{shown}");
    assert!(shown.contains("NODELIST(REASON)") && shown.contains("(NonZeroExitCode)"), "{shown}");
}

#[test]
fn any_size_will_do() {
    let mut model = sample::model();
    let mut followed = crate::view::top::scrollback::Scrollback::new("job 12 · /o".to_owned());
    followed.take("ä long line 漢字漢字\n\nopen".as_bytes());
    let mut overlays =
        vec![Overlay::None, Overlay::Help, Overlay::Output(prun_runtime::ids::JobId(12), followed)];
    let nothing = Model::new(String::new(), crate::commands::samples::clock());
    for width in (0..30).chain([200]) {
        for height in (0..24).chain([100]) {
            buffer(&nothing, true, (width, height));
            for overlay in &mut overlays {
                model.overlay = std::mem::take(overlay);
                buffer(&model, true, (width, height));
                *overlay = std::mem::take(&mut model.overlay);
            }
        }
    }
}

#[test]
fn a_small_screen_shows_the_pane_that_keys_go_to() {
    let mut model = sample::model();
    press(&mut model, &[Key::Next, Key::Down]);
    assert_eq!(screen(&model, (40, 7)), include_str!("snapshots/small.txt"));
}

#[test]
fn followed_output_is_wrapped_and_stands_at_its_end() {
    let mut model = sample::model();
    press(&mut model, &[Key::Enter]);
    model.update(Event::Output(bytes::Bytes::from_static(
        b"first\nsecond\n0123456789abcdefghijABCDEFGHIJ0123456789 0123456789\nopen",
    )));
    assert_eq!(screen(&model, (40, 8)), include_str!("snapshots/output.txt"));
}

#[test]
fn without_colours_there_are_none() {
    let plain = buffer(&sample::model(), false, (100, 24));
    assert!(plain.content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    let coloured = buffer(&sample::model(), true, (100, 24));
    assert!(coloured.content.iter().any(|cell| cell.fg == Color::Red));
}

#[test]
fn names_cannot_draw_over_the_screen() {
    let mut picture = sample::picture();
    picture.jobs[0].name = "\x1b[2J\x07\n\u{9b}1mevil".to_owned();
    let mut model = sample::model();
    model.update(Event::Picture(Box::new(picture)));
    let control = |cell: &ratatui::buffer::Cell| cell.symbol().contains(char::is_control);
    assert!(!buffer(&model, false, (100, 24)).content.iter().any(control));
}
