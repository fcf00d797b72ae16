//! Keys: one table drives what they do, the keyboard page and the command list.
//!
//! Scopes as in the design: everywhere; on images when no text field has the keyboard; then the mode. Enter and Backspace act on
//! the screen only while no widget has the focus.

mod table;

use std::path::PathBuf;

use eframe::egui::{Context, Event, Id, Key, Memory, Modifiers};

use crate::command::Command;
use crate::render::plane::Plane;
use crate::state::{Dialog, Mode, Screen, Severity, State};

pub(crate) use table::{MORE, TABLE};

/// Groups of the keyboard page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Everywhere,
    Look,
    Mask,
    Review,
    Edit,
    Run,
}

impl Group {
    /// In the order of the page.
    pub(crate) const ALL: [Self; 6] = [Self::Everywhere, Self::Look, Self::Mask, Self::Review, Self::Edit, Self::Run];

    /// Its heading.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Everywhere => "Everywhere",
            Self::Look => "Look",
            Self::Mask => "Mask",
            Self::Review => "Review",
            Self::Edit => "Edit",
            Self::Run => "Run and export",
        }
    }
}

/// Where a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// On every screen.
    Everywhere,
    /// On Home.
    Home,
    /// While a series is chosen.
    Series,
    /// Where images are.
    Images,
    /// In one mode.
    In(Mode),
}

impl When {
    /// Whether it holds on a screen.
    pub(crate) fn holds(self, screen: Screen) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Home => screen == Screen::Home,
            Self::Series => screen == Screen::Series,
            Self::Images => matches!(screen, Screen::Case(mode) if mode != Mode::Export),
            Self::In(mode) => screen == Screen::Case(mode),
        }
    }
}

/// A key with what is held beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Chord {
    ctrl: bool,
    shift: bool,
    alt: bool,
    key: Key,
}

/// A key alone.
pub(crate) const fn key(key: Key) -> Chord {
    Chord { ctrl: false, shift: false, alt: false, key }
}

impl Chord {
    /// With Ctrl, which is Cmd on macOS.
    pub(crate) const fn ctrl(self) -> Self {
        Self { ctrl: true, ..self }
    }

    /// With Shift.
    pub(crate) const fn shift(self) -> Self {
        Self { shift: true, ..self }
    }

    /// With Alt.
    pub(crate) const fn alt(self) -> Self {
        Self { alt: true, ..self }
    }

    /// Its key caps.
    pub(crate) fn caps(self) -> Vec<&'static str> {
        let held = [(self.ctrl, if cfg!(target_os = "macos") { "Cmd" } else { "Ctrl" }), (self.alt, "Alt"), (self.shift, "Shift")];
        let mut caps: Vec<_> = held.into_iter().filter_map(|(held, cap)| held.then_some(cap)).collect();
        caps.push(match self.key {
            Key::ArrowUp => "↑",
            Key::ArrowDown => "↓",
            Key::ArrowLeft => "←",
            Key::ArrowRight => "→",
            Key::PageUp => "PgUp",
            Key::PageDown => "PgDn",
            Key::Escape => "Esc",
            Key::Slash => "/",
            Key::Questionmark => "?",
            Key::OpenBracket => "[",
            Key::CloseBracket => "]",
            Key::Comma => ",",
            Key::Plus => "+",
            Key::Minus => "−",
            key => key.name(),
        });
        caps
    }

    /// Whether a press is meant. Signs lie under Shift or Alt on some keyboards; digits lie where they are printed.
    fn is_meant(self, pressed: Key, physical: Option<Key>, held: Modifiers) -> bool {
        let is_sign = matches!(
            self.key,
            Key::Questionmark | Key::Slash | Key::OpenBracket | Key::CloseBracket | Key::Plus | Key::Equals | Key::Minus
        );
        let is_digit = self.key >= Key::Num0 && self.key <= Key::Num9;
        let same = pressed == self.key || (is_digit && physical == Some(self.key));
        same && held.command == self.ctrl && (is_sign || (held.shift == self.shift && held.alt == self.alt))
    }

    /// Whether it does something else in a text field.
    fn is_text(self) -> bool {
        !self.ctrl || matches!(self.key, Key::Z | Key::Y | Key::C | Key::ArrowLeft | Key::ArrowRight)
    }

    /// Whether holding it down goes on. A held Enter must not accept one structure after another.
    fn goes_on(self) -> bool {
        use Key::{A, ArrowDown, ArrowUp, CloseBracket, D, E, Equals, Minus, OpenBracket, PageDown, PageUp, Plus, Q, Y, Z};
        let keys = [A, ArrowDown, ArrowUp, CloseBracket, D, E, Equals, Minus, OpenBracket, PageDown, PageUp, Plus, Q, Y, Z];
        keys.contains(&self.key)
    }

    /// Whether a widget that has the focus takes it.
    fn is_of_widgets(self) -> bool {
        matches!(self.key, Key::Enter | Key::Backspace | Key::ArrowUp | Key::ArrowDown | Key::ArrowLeft | Key::ArrowRight)
    }
}

/// Something that can be done by key or from the command list.
pub(crate) struct Action {
    /// In the command list.
    pub(crate) words: &'static str,
    /// Keys, the first one shown.
    pub(crate) chords: &'static [Chord],
    /// Where.
    pub(crate) when: When,
    /// What it does now; nothing where it has no meaning.
    pub(crate) command: fn(&State) -> Option<Command>,
}

impl Action {
    /// What it does on the screen that shows.
    pub(crate) fn now(&self, state: &State) -> Option<Command> {
        if self.when.holds(state.screen) { (self.command)(state) } else { None }
    }
}

/// A row of the keyboard page.
pub(crate) struct Row {
    /// Where it stands.
    pub(crate) group: Group,
    /// Its words.
    pub(crate) words: &'static str,
    /// First and last key stand for all.
    pub(crate) range: bool,
    /// What the pointer does, as key caps.
    pub(crate) pointer: &'static [&'static str],
    /// What its keys do.
    pub(crate) actions: &'static [Action],
}

impl Row {
    /// Key caps, and words between them that begin with a space.
    pub(crate) fn caps(&self) -> Vec<&'static str> {
        let mut caps: Vec<&'static str> = self.pointer.to_vec();
        let join = |caps: &mut Vec<&'static str>, with: &'static str| {
            if !caps.is_empty() {
                caps.push(with);
            }
        };
        if self.range {
            let ends = [self.actions.first(), self.actions.last()];
            for (action, with) in ends.into_iter().flatten().zip([" or", " …"]) {
                join(&mut caps, with);
                caps.extend(action.chords.first().into_iter().flat_map(|chord| chord.caps()));
            }
        } else {
            for (at, action) in self.actions.iter().enumerate() {
                join(&mut caps, if at == 0 { " or" } else { " /" });
                caps.extend(action.chords.first().into_iter().flat_map(|chord| chord.caps()));
            }
        }
        caps
    }
}

/// All actions that have a key.
pub(crate) fn actions() -> impl Iterator<Item = &'static Action> {
    TABLE.iter().flat_map(|row| row.actions)
}

/// Whether a widget is a pane: keys of images go on to act while one has the focus.
fn is_pane(widget: Id) -> bool {
    Plane::ALL.iter().any(|plane| widget == Id::unique(("slice pane", *plane))) || widget == Id::unique("surface pane")
}

/// Whether a text field had the keyboard in the last pass: Esc has taken it away by the time the key is looked at.
fn text_id() -> Id {
    Id::unique("text field had the focus")
}

/// Commands of the keys pressed this frame.
pub(crate) fn commands(ctx: &Context, state: &State) -> Vec<Command> {
    let in_text = ctx.text_edit_focused();
    let was_in_text = ctx.data_mut(|data| std::mem::replace(data.get_temp_mut_or_default::<bool>(text_id()), in_text));
    let on_widget = ctx.memory(Memory::focused).is_some_and(|widget| !is_pane(widget));
    let over = !matches!(state.dialog, Dialog::None | Dialog::Log);
    let mut commands = held(ctx, state, in_text || over);
    for event in ctx.input(|input| input.events.clone()) {
        match event {
            Event::Paste(text) if !in_text && !over => commands.extend(pasted(&text)),
            Event::Key { key: pressed, physical_key, pressed: true, modifiers, repeat } => {
                if pressed == Key::Escape && was_in_text && !over {
                    // Leaving the text field was the step back.
                    continue;
                }
                if pressed == Key::Enter
                    && (modifiers.is_none() && !repeat && !on_widget && !over)
                    && let Some(command) = remedy(state)
                {
                    commands.extend(command);
                    continue;
                }
                let meant = actions().filter(|action| action.when.holds(state.screen)).find(|action| {
                    action.chords.iter().any(|chord| {
                        chord.is_meant(pressed, physical_key, modifiers)
                            && (!repeat || chord.goes_on())
                            && !(in_text && chord.is_text() && chord.key != Key::Escape)
                            && !(on_widget && chord.is_of_widgets())
                            && (!over || matches!(chord.key, Key::Escape))
                    })
                });
                commands.extend(meant.and_then(|action| (action.command)(state)));
            }
            _ => {}
        }
    }
    commands
}

/// The button of the newest fault is the primary one while the fault shows.
fn remedy(state: &State) -> Option<[Command; 2]> {
    let banner = state.banners.last().filter(|banner| banner.severity == Severity::Error)?;
    let (_, command) = banner.remedy.as_ref()?;
    Some([Command::DismissBanner(banner.cause.clone()), command.clone()])
}

/// Keys that act while they are held.
fn held(ctx: &Context, state: &State, elsewhere: bool) -> Vec<Command> {
    let Some(case) = &state.case else { return Vec::new() };
    let (down, modifiers) = ctx.input(|input| (input.key_down(Key::H), input.modifiers));
    let peeks = down && !modifiers.command && !elsewhere && When::Images.holds(state.screen);
    let inverts = modifiers.command && !elsewhere && state.screen == Screen::Case(Mode::Edit);
    let peek = (peeks != case.view.peeking).then_some(Command::Peek(peeks));
    let invert = (inverts != case.edit.inverted).then_some(Command::Invert(inverts));
    peek.into_iter().chain(invert).collect()
}

/// A pasted path or several, one a line, as file managers and terminals give them.
fn pasted(text: &str) -> Option<Command> {
    let path = |line: &str| {
        let line = line.trim().trim_matches(['"', '\'']);
        let path = line.strip_prefix("file://").map_or_else(|| line.to_owned(), unescaped);
        (!path.is_empty()).then(|| PathBuf::from(path))
    };
    let paths: Vec<PathBuf> = text.lines().filter_map(path).collect();
    (!paths.is_empty()).then_some(Command::OpenPaths(paths))
}

/// A path of a URL with its `%20` and the like as letters.
fn unescaped(url: &str) -> String {
    let mut bytes = Vec::with_capacity(url.len());
    let mut rest = url.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn screens() -> Vec<Screen> {
        let modes = Mode::ALL.map(Screen::Case);
        [Screen::Home, Screen::Series, Screen::Jobs, Screen::Settings(Default::default())].into_iter().chain(modes).collect()
    }

    #[test]
    fn on_no_screen_has_a_key_two_meanings() {
        for screen in screens() {
            let mut meanings: HashMap<Chord, &str> = HashMap::new();
            for action in actions().filter(|action| action.when.holds(screen)) {
                for chord in action.chords {
                    let other = meanings.insert(*chord, action.words);
                    assert_eq!(other, None, "{chord:?} on {screen:?} is also {}", action.words);
                }
            }
            assert!(meanings.contains_key(&key(Key::Escape)));
        }
    }

    #[test]
    fn no_press_is_two_chords_of_a_screen() {
        // Signs are looked for with any Shift, so that a looser match must not meet a second chord.
        let held = |shift, alt, command| Modifiers { alt, shift, command, ctrl: command, mac_cmd: false };
        for screen in screens() {
            let chords: Vec<Chord> =
                actions().filter(|action| action.when.holds(screen)).flat_map(|action| action.chords).copied().collect();
            for press in &chords {
                let meant =
                    chords.iter().filter(|chord| chord.is_meant(press.key, Some(press.key), held(press.shift, press.alt, press.ctrl)));
                assert_eq!(meant.count(), 1, "{press:?} on {screen:?}");
            }
        }
    }

    #[test]
    fn every_row_shows_a_key() {
        for row in TABLE {
            assert!(!row.caps().is_empty(), "{}", row.words);
            assert!(row.actions.iter().all(|action| !action.chords.is_empty()), "{}", row.words);
        }
    }

    #[test]
    fn pasted_paths_are_opened_as_file_managers_write_them() {
        assert_eq!(pasted("  \n"), None);
        let paths = |text: &str| pasted(text);
        assert_eq!(paths("\"/data/a b\"\n"), Some(Command::OpenPaths(vec!["/data/a b".into()])));
        assert_eq!(paths("file:///data/a%20c\n/data/b"), Some(Command::OpenPaths(vec!["/data/a c".into(), "/data/b".into()])));
    }

    #[test]
    fn enter_presses_the_button_of_a_fault() {
        let mut state = State::default();
        assert_eq!(remedy(&state), None);
        state.banner(crate::state::Banner::new(Severity::Error, "It stopped.", "").remedy("Restart", Command::RestartEngine));
        assert_eq!(remedy(&state), Some([Command::DismissBanner("It stopped.".into()), Command::RestartEngine]));
    }
}
