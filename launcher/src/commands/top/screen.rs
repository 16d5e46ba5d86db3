//! The terminal: set up while a [`Screen`] is there, and as it was afterwards, however that comes about.

use std::io::{self, stdout};

use anstream::{AutoStream, ColorChoice};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event as Input, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;

use crate::view::top::draw::{Palette, draw};
use crate::view::top::state::{Event, Key, Model};

/// A terminal in raw mode, on its other screen.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    palette: Palette,
}

impl Screen {
    /// Takes the terminal over. A panic gives it back before it is told of. Keys go to `events`, from a thread of
    /// their own, which ends with the process: a terminal cannot be waited for in any other way by all systems.
    pub(super) fn open(events: mpsc::Sender<Event>) -> io::Result<Self> {
        let colours = AutoStream::choice(&stdout()) != ColorChoice::Never;
        let terminal = ratatui::try_init()?;
        let screen = Self { terminal, palette: Palette::new(colours) };
        std::thread::Builder::new().name("keys".to_owned()).spawn(move || read_keys(&events))?;
        Ok(screen)
    }

    /// Draws what has changed.
    pub(super) fn draw(&mut self, model: &Model) -> io::Result<()> {
        let palette = self.palette;
        self.terminal.draw(|frame| draw(model, palette, frame.area(), frame.buffer_mut()))?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing set back.
        let _ = ratatui::try_restore();
    }
}

/// Until nobody wants keys any more, or the terminal is gone.
fn read_keys(events: &mpsc::Sender<Event>) {
    loop {
        let event = match event::read() {
            Ok(Input::Key(key)) if key.kind != KeyEventKind::Release => key_of(key).map(Event::Key),
            // The next drawing finds out about the new size; this makes that now.
            Ok(Input::Resize(..)) => Some(Event::Clock(super::Clock::system())),
            Ok(_) => None,
            Err(_) => return,
        };
        if event.is_some_and(|event| events.blocking_send(event).is_err()) {
            return;
        }
    }
}

fn key_of(key: KeyEvent) -> Option<Key> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    Some(match key.code {
        KeyCode::Char('c') if control => Key::Interrupt,
        KeyCode::Char('n') if control => Key::Down,
        KeyCode::Char('p') if control => Key::Up,
        KeyCode::Char(_) if control => return None,
        KeyCode::Char(char) => Key::Char(char),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::First,
        KeyCode::End => Key::Last,
        KeyCode::Tab => Key::Next,
        KeyCode::BackTab => Key::Previous,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Back,
        _ => return None,
    })
}
