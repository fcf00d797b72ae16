//! Segmented choice: a few words beside each other, one of them on.

use egui::{CornerRadius, Rect, Role, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::look::focus;
use crate::look::icons::Icon;
use crate::look::paint::{self, Run};
use crate::look::theme::Theme;
use crate::look::tokens::{Type, control, icon, line, radius};

/// One of the choices.
#[derive(Clone, Copy)]
pub struct Segment<'a, T> {
    /// What choosing it means.
    pub value: T,
    /// Icon before the word, or instead of it in narrow windows.
    pub icon: Option<Icon>,
    /// Its word, and its name.
    pub text: &'a str,
    /// Shows only the icon, with the word as tooltip.
    pub icon_only: bool,
}

impl<'a, T> Segment<'a, T> {
    /// A choice by word.
    pub fn new(value: T, text: &'a str) -> Self {
        Self { value, icon: None, text, icon_only: false }
    }

    /// With an icon.
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icon = Some(icon);
        self
    }

    /// Only the icon.
    pub fn icon_only(mut self) -> Self {
        self.icon_only = true;
        self
    }
}

/// Shows the choices; gives the one that was clicked. `name` is what is chosen. `width` of `None`: as wide as the words need; else all
/// are equally wide, or share what is left over where one has more to say.
pub fn segmented<T: Copy + PartialEq>(ui: &mut Ui, name: &str, current: T, choices: &[Segment<'_, T>], width: Option<f32>) -> Option<T> {
    let p = Theme::of(ui);
    let runs: Vec<(bool, Run)> = choices
        .iter()
        .map(|choice| {
            let on = choice.value == current;
            let ink = if on { p.text1 } else { p.text2 };
            let mut run = Run::default();
            if let Some(sign) = choice.icon {
                run.icon(sign, icon::ROW, ink);
                if !choice.icon_only {
                    run.gap(control::ICON_GAP);
                }
            }
            if !choice.icon_only {
                run.text(ui, choice.text, Type::Small.regular(), ink, f32::INFINITY);
            }
            (on, run)
        })
        .collect();
    let border = line::THIN;
    let mut own: Vec<f32> = runs.iter().map(|(_, run)| run.width().ceil() + 2.0 * segment_pad(choices)).collect();
    if let Some(width) = width {
        let room = width - 2.0 * border;
        let (equal, left_over) = (room / choices.len() as f32, (room - own.iter().sum::<f32>()) / choices.len() as f32);
        let alike = left_over < 0.0 || own.iter().all(|own| *own <= equal);
        own.iter_mut().for_each(|own| *own = if alike { equal } else { *own + left_over });
    }
    let size = vec2(own.iter().sum::<f32>() + 2.0 * border, control::SEGMENT + 2.0 * border);
    let (outer, group) = ui.allocate_exact_size(size, Sense::hover());
    paint::name(&group, Role::RadioGroup, name);
    paint::frame(ui.painter(), outer, radius::CONTROL, p.bg2, p.line2);
    let mut left = outer.left() + border;
    let mut chosen = None;
    for (at, ((choice, (on, run)), width)) in choices.iter().zip(&runs).zip(&own).enumerate() {
        let rect = Rect::from_min_size(pos2(left, outer.top() + border), vec2(*width, control::SEGMENT));
        left += width;
        let response = ui.interact(rect, group.id.with(at), Sense::click());
        paint::name_on(&response, Role::RadioButton, *on, choice.text);
        if *on {
            let rect = paint::snapped(ui.painter(), rect);
            // Round only where the whole choice is.
            let ends = (at == 0, at + 1 == choices.len());
            ui.painter().rect(rect, end_corners(ends), p.accentdim, Stroke::new(line::THIN, p.accent), StrokeKind::Inside);
        } else if response.hovered() {
            let ends = (at == 0, at + 1 == choices.len());
            ui.painter().rect_filled(paint::snapped(ui.painter(), rect), end_corners(ends), p.bg3);
        }
        let next_is_on = runs.get(at + 1).is_none_or(|(on, _)| *on);
        if !*on && !next_is_on {
            paint::upright(ui.painter(), rect.right(), rect.center().y, rect.height(), p.line1);
        }
        run.paint_centred(ui.painter(), rect);
        focus::ring(ui, &response, radius::CONTROL);
        if response.clicked() {
            chosen = Some(choice.value);
        }
        if choice.icon_only {
            response.on_hover_text(choice.text);
        }
    }
    chosen
}

/// Icons give words air of their own.
fn segment_pad<T>(choices: &[Segment<'_, T>]) -> f32 {
    let signs = choices.iter().any(|choice| choice.icon.is_some() && !choice.icon_only);
    if signs { control::SEGMENT_PAD_SIGNS } else { control::SEGMENT_PAD }
}

/// Corners of a segment that is first, last, both or neither.
fn end_corners((first, last): (bool, bool)) -> CornerRadius {
    let round = |end: bool| if end { (radius::CONTROL - line::THIN) as u8 } else { 0 };
    CornerRadius { nw: round(first), sw: round(first), ne: round(last), se: round(last) }
}
