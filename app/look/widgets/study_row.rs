//! The table of a folder's series: picture, name and what to know about it, slices, spacing.

use egui::{Align2, Rangef, Rect, Response, Role, Sense, TextureHandle, Ui, Widget, pos2, vec2};

use crate::look::focus;
use crate::look::icons::Icon;
use crate::look::paint;
use crate::look::theme::{Theme, corners};
use crate::look::tokens::colour::{self, faded};
use crate::look::tokens::{Palette, State, Type, control, gap, icon, radius};
use crate::look::widgets::checks::paint_radio;
use crate::look::widgets::list::{Column, table_corners, table_head};
use crate::look::widgets::tag::paint_tag_over;

/// Where the parts of a row lie, from its left edge.
struct Columns {
    picture: f32,
    words: Rangef,
    slices: Rangef,
    spacing: Rangef,
}

fn columns(width: f32) -> Columns {
    let picture = gap::M + control::CHECK + gap::L;
    let words = picture + control::STUDY_PICTURE[0] + gap::L;
    let spacing = Rangef::new(width - gap::M - control::STUDY_SPACING, width - gap::M);
    let slices = Rangef::new(spacing.min - control::STUDY_SLICES, spacing.min);
    Columns { picture, words: Rangef::new(words, slices.min - gap::M), slices, spacing }
}

/// The head of the table.
pub fn study_head(ui: &mut Ui) -> Response {
    let at = columns(ui.available_width());
    let column = |text, x, right| Column { text, x, right };
    let preview = Rangef::new(at.picture, at.words.min);
    table_head(
        ui,
        &[
            column("Preview", preview, false),
            column("Series", at.words, false),
            column("Slices", at.slices, true),
            column("Spacing, mm", at.spacing, true),
        ],
    )
}

/// A row of the table.
#[must_use = "add it to a ui"]
pub struct StudyRow<'a> {
    title: &'a str,
    about: &'a str,
    note: Option<(State, Icon, &'a str)>,
    tag: Option<&'a str>,
    picture: Option<&'a TextureHandle>,
    slices: &'a str,
    spacing: &'a str,
    selected: bool,
    refused: bool,
    last: bool,
}

impl<'a> StudyRow<'a> {
    /// A study by its name, what else it is called, and its grid.
    pub fn new(title: &'a str, about: &'a str, slices: &'a str, spacing: &'a str) -> Self {
        let (note, tag, picture, selected, refused, last) = (None, None, None, false, false, false);
        Self { title, about, note, tag, picture, slices, spacing, selected, refused, last }
    }

    /// What to know about it.
    pub fn note(mut self, state: State, sign: Icon, note: &'a str) -> Self {
        self.note = Some((state, sign, note));
        self
    }

    /// A tag after its name.
    pub fn tag(mut self, tag: &'a str) -> Self {
        self.tag = Some(tag);
        self
    }

    /// Its picture.
    pub fn picture(mut self, picture: Option<&'a TextureHandle>) -> Self {
        self.picture = picture;
        self
    }

    /// Whether it is the one to open.
    pub fn selected(mut self, selected: bool) -> Self {
        self.selected = selected;
        self
    }

    /// It stays readable but cannot be opened.
    pub fn refused(mut self, refused: bool) -> Self {
        self.refused = refused;
        self
    }

    /// The one at the foot of its table.
    pub fn last(mut self) -> Self {
        self.last = true;
        self
    }

    /// Paints name, second line and note. Whether something did not fit.
    fn words(&self, ui: &Ui, p: &Palette, rect: Rect, x: Rangef) -> bool {
        let (left, right) = (rect.left() + x.min, rect.left() + x.max);
        let note = if self.note.is_some() { Type::Small.line() } else { 0.0 };
        let mut top = rect.center().y - (Type::Body.line() + Type::Small.line() + note) / 2.0;
        let mut elided = false;
        let mut put = |text: &str, size: Type, strong: bool, ink, from: f32, to: f32| {
            let galley = paint::line_of(ui, text, size.weight(strong), ink, to - from);
            let row = Rect::from_min_max(pos2(from, top), pos2(to.max(from), top + size.line()));
            paint::place(ui.painter(), row, Align2::LEFT_CENTER, &galley);
            elided |= galley.elided;
            top += size.line();
            (from + galley.size().x, row.center().y)
        };
        let wide = |text: &str, font| paint::line_of(ui, text, font, p.text1, f32::INFINITY).size().x.ceil();
        let ink = if self.refused { p.text3 } else { p.text1 };
        // A name is worth more than a tag: the first row is the best one anyway.
        let tag = self.tag.map(|text| (text, wide(text, Type::Caption.regular()) + 2.0 * control::TAG_PAD));
        let tag = tag.filter(|(_, tag)| wide(self.title, Type::Body.strong()) + gap::S + tag <= right - left);
        let (end, middle) = put(self.title, Type::Body, true, ink, left, right);
        if let Some((text, tag)) = tag {
            // On the accent's own ground a tag of that ground would not be seen.
            let fill = if self.selected { p.bg0 } else { p.accentdim };
            paint_tag_over(ui, p, State::Accent, fill, text, end + gap::S + tag, middle);
        }
        put(self.about, Type::Small, false, if self.refused { p.text3 } else { p.text2 }, left, right);
        if let Some((state, sign, note)) = self.note {
            let ink = if state == State::Neutral { p.text3 } else { p.state(state).0 };
            let (_, middle) = put(note, Type::Small, false, ink, left + icon::TAG + gap::XS, right);
            paint::icon(ui.painter(), pos2(left + icon::TAG / 2.0, middle), sign, icon::TAG, ink);
        }
        elided
    }
}

impl Widget for StudyRow<'_> {
    fn ui(self, ui: &mut Ui) -> Response {
        let p = Theme::of(ui);
        let sense = if self.refused { Sense::hover() } else { Sense::click() };
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), control::STUDY_ROW), sense);
        let corners_of_row = table_corners(false, self.last);
        let hovered = response.hovered() && !self.refused;
        if self.selected || hovered {
            ui.painter().rect_filled(rect, corners_of_row, p.ground(self.selected, hovered, p.bg1));
        }
        if self.selected {
            paint::selected_bar_round(ui.painter(), rect, corners_of_row, &p);
        }
        let at = columns(rect.width());
        let middle = rect.center().y;
        let ink = |colour| if self.refused { faded(colour, colour::DISABLED) } else { colour };
        paint_radio(ui.painter(), &p, pos2(rect.left() + gap::M + control::CHECK / 2.0, middle), self.selected, &ink);
        let [width, height] = control::STUDY_PICTURE;
        let field = Rect::from_min_size(pos2(rect.left() + at.picture, middle - height / 2.0), vec2(width, height));
        paint::thumbnail(ui, field, self.picture.map(|picture| (picture.id(), picture.size_vec2())), &p);
        if self.refused {
            ui.painter().rect_filled(field, corners(radius::TAG), faded(p.bg1, colour::DISABLED));
        }
        let elided = self.words(ui, &p, rect, at.words);
        for (text, x, ink) in [(self.slices, at.slices, p.text1), (self.spacing, at.spacing, p.text2)] {
            let galley = paint::line_of(ui, text, Type::Body.regular(), if self.refused { p.text3 } else { ink }, x.span());
            let cell = Rect::from_min_max(pos2(rect.left() + x.min, rect.top()), pos2(rect.left() + x.max, rect.bottom()));
            paint::place(ui.painter(), cell, Align2::RIGHT_CENTER, &galley);
        }
        if !self.last {
            paint::rule_below(ui.painter(), rect, p.line1);
        }
        focus::ring_inside_round(ui, &response, corners_of_row);
        let enabled = !self.refused && ui.is_enabled();
        response.widget_info(|| egui::WidgetInfo::selected(Role::RadioButton, enabled, self.selected, self.title));
        ui.ctx().accesskit_node_builder(response.id, |node| {
            let about = [Some(self.about), self.note.map(|(_, _, note)| note), Some(self.slices), Some(self.spacing)];
            node.set_description(about.into_iter().flatten().collect::<Vec<_>>().join("\n"));
        });
        if elided {
            let whole = [Some(self.title), Some(self.about), self.note.map(|(_, _, note)| note)];
            response.on_hover_text(whole.into_iter().flatten().collect::<Vec<_>>().join("\n"))
        } else {
            response
        }
    }
}
