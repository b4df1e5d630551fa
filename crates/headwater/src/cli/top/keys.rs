//! What keys do.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::link::Link;

/// Octets of a filter that is typed.
const MAX_FILTER_LEN: usize = 1000;

/// What has been typed so far.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The filter in use.
    pub filter: String,
    /// The filter that is being typed.
    pub typed: Option<String>,
    /// No rows are shown.
    pub is_paused: bool,
    rate: u32,
}

/// Who is told which rows are wanted.
pub trait Wants {
    /// Rows that match, so many a second.
    fn rows(&self, filter: &str, rate: u32);
}

impl Wants for Link {
    fn rows(&self, filter: &str, rate: u32) {
        Link::rows(self, filter, rate);
    }
}

impl Keys {
    /// Nothing typed yet.
    pub fn new(filter: &str, rate: u32) -> Keys {
        Keys { filter: filter.to_owned(), typed: None, is_paused: rate == 0, rate: if rate == 0 { 20 } else { rate } }
    }

    /// Does what a key says; whether it is enough.
    pub fn press(&mut self, key: &KeyEvent, link: &impl Wants) -> bool {
        if key.kind == KeyEventKind::Release {
            return false;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return key.code == KeyCode::Char('c');
        }
        let Some(mut typed) = self.typed.take() else { return self.command(key.code, link) };
        match key.code {
            KeyCode::Esc => return false,
            KeyCode::Enter => {
                self.filter = typed;
                self.ask(link);
                return false;
            }
            KeyCode::Backspace => drop(typed.pop()),
            KeyCode::Char(c) if typed.len() < MAX_FILTER_LEN => typed.push(c),
            _ => {}
        }
        self.typed = Some(typed);
        false
    }

    fn command(&mut self, code: KeyCode, link: &impl Wants) -> bool {
        match code {
            KeyCode::Char('q') | KeyCode::Esc => return true,
            KeyCode::Char('/') => self.typed = Some(self.filter.clone()),
            KeyCode::Char(' ') => {
                self.is_paused = !self.is_paused;
                self.ask(link);
            }
            _ => {}
        }
        false
    }

    fn ask(&self, link: &impl Wants) {
        link.rows(&self.filter, if self.is_paused { 0 } else { self.rate });
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[derive(Default)]
    struct Asked(RefCell<Vec<(String, u32)>>);

    impl Wants for Asked {
        fn rows(&self, filter: &str, rate: u32) {
            self.0.borrow_mut().push((filter.to_owned(), rate));
        }
    }

    #[test]
    fn keys_pause_filter_and_quit() {
        let (mut keys, asked) = (Keys::new("", 7), Asked::default());
        let mut press = |code: KeyCode| keys.press(&KeyEvent::new(code, KeyModifiers::NONE), &asked);
        let text = [KeyCode::Char('/'), KeyCode::Char('q'), KeyCode::Char('x'), KeyCode::Backspace, KeyCode::Enter];
        assert!(!text.into_iter().any(&mut press), "what is typed does not quit");
        assert!(!press(KeyCode::Char(' ')) && !press(KeyCode::Char(' ')));
        assert!(!press(KeyCode::Char('/')) && !press(KeyCode::Char('z')) && !press(KeyCode::Esc));
        assert!(press(KeyCode::Char('q')));
        let expected = [("q", 7), ("q", 0), ("q", 7)].map(|(filter, rate)| (filter.to_owned(), rate));
        assert_eq!(*asked.0.borrow(), expected);
        assert!(keys.press(&KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL), &asked));
    }
}
