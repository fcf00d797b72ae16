//! The image panes: slices and surfaces, how they share the space, and what the pointer does in them.

mod cursor;
pub(crate) mod follow;
mod input;
mod looks;
mod over;
mod slice;
mod solid;
mod textures;

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::{Rect, Ui, pos2};

use crate::command::Command;
use crate::look::tokens::{layout, line};
use crate::render::plane::{Convention, Plane};
use crate::render::styles::LabelStyle;
use crate::state::{Case, Layout, Mode, Pane, State, Tool};
use crate::surfaces::Surfaces;
use crate::tasks::Wake;
use input::Held;
use textures::Textures;

pub(crate) use looks::{Look, look_of, looks};
pub(crate) use over::grey;

/// What the panes keep between frames.
pub(crate) struct Panes {
    textures: Textures,
    surfaces: Surfaces,
    styles: Arc<[LabelStyle]>,
    held: Option<Held>,
    /// What is left of a wheel's turn that was less than a slice.
    wheel: f32,
    /// Where all panes were drawn.
    pub(crate) rect: Rect,
}

impl Panes {
    pub(crate) fn new(wake: Wake) -> Self {
        let styles = Arc::from(Vec::new());
        Self { textures: Textures::default(), surfaces: Surfaces::new(wake), styles, held: None, wheel: 0.0, rect: Rect::NOTHING }
    }
}

impl Panes {
    /// Structures a mask in the making has surfaces of.
    pub(crate) fn found(&mut self, case: &Case) -> BTreeSet<u16> {
        self.surfaces.of(case).iter().map(|mesh| mesh.label()).collect()
    }
}

/// What the panes show and answer with.
pub(super) struct Scene<'a> {
    state: &'a State,
    case: &'a Case,
    mode: Mode,
    panes: &'a mut Panes,
    commands: &'a mut Vec<Command>,
    /// Whether the pointer is over any slice.
    pointed: bool,
}

impl Scene<'_> {
    fn ask(&mut self, command: Command) {
        self.commands.push(command);
    }

    /// The tool in hand: outside of Edit there is only looking and measuring.
    fn tool(&self) -> Tool {
        match self.mode {
            Mode::Edit => self.case.edit.tool,
            _ if self.case.view.measuring => Tool::Measure,
            _ => Tool::View,
        }
    }

    fn convention(&self) -> Convention {
        if self.state.settings.radiological { Convention::Radiological } else { Convention::Neurological }
    }
}

/// Draws the panes over all there is.
pub(crate) fn show(ui: &mut Ui, state: &State, mode: Mode, panes: &mut Panes, commands: &mut Vec<Command>) {
    let Some(case) = &state.case else { return };
    let rect = ui.available_rect_before_wrap();
    panes.rect = rect;
    let styles = looks::styles(case, &state.settings, mode);
    if *panes.styles != *styles {
        panes.styles = styles.into();
    }
    let places = places(case.view.layout, rect);
    let alone = places.len() == 1;
    let mut scene = Scene { state, case, mode, panes, commands, pointed: false };
    let first = places.iter().find_map(|(pane, _)| if let Pane::Slice(plane) = pane { Some(*plane) } else { None });
    for (pane, rect) in places {
        ui.painter().rect_filled(rect, 0, crate::look::tokens::DARK.canvas);
        match pane {
            Pane::Slice(plane) => slice::show(ui, &mut scene, plane, rect, first == Some(plane)),
            Pane::Surface => solid::show(ui, &mut scene, rect),
        }
        if !alone && case.view.active == pane {
            over::active(ui, rect);
        }
    }
    if !scene.pointed && case.view.pointer_zyx.is_some() {
        scene.ask(Command::Point(None));
    }
    ui.advance_cursor_after_rect(rect);
}

/// Where each pane goes.
fn places(shown: Layout, rect: Rect) -> Vec<(Pane, Rect)> {
    let gap = layout::PANE_GAP;
    match shown {
        Layout::One(pane) => vec![(pane, rect)],
        Layout::FourUp => {
            let (left, right) = side_by_side(rect, gap);
            let [(upper_left, lower_left), (upper_right, lower_right)] = [left, right].map(|half| above(half, line::HALF, gap));
            vec![
                (Pane::Slice(Plane::Axial), upper_left),
                (Pane::Slice(Plane::Coronal), upper_right),
                (Pane::Slice(Plane::Sagittal), lower_left),
                (Pane::Surface, lower_right),
            ]
        }
        Layout::OneAndTwo(large) => {
            let (upper, lower) = above(rect, layout::LARGE_PANE, gap);
            let (left, right) = side_by_side(lower, gap);
            let mut small = Plane::ALL.into_iter().filter(|plane| *plane != large);
            let small = [left, right].map(|rect| small.next().map(|plane| (Pane::Slice(plane), rect)));
            [Some((Pane::Slice(large), upper))].into_iter().chain(small).flatten().collect()
        }
    }
}

fn side_by_side(rect: Rect, gap: f32) -> (Rect, Rect) {
    let middle = rect.center().x.round();
    let left = Rect::from_min_max(rect.min, pos2(middle - gap / 2.0, rect.max.y));
    (left, Rect::from_min_max(pos2(middle + gap / 2.0, rect.min.y), rect.max))
}

fn above(rect: Rect, share: f32, gap: f32) -> (Rect, Rect) {
    let at = (rect.top() + rect.height() * share).round();
    let upper = Rect::from_min_max(rect.min, pos2(rect.max.x, at - gap / 2.0));
    (upper, Rect::from_min_max(pos2(rect.min.x, at + gap / 2.0), rect.max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panes_share_the_space_and_never_overlap() {
        let rect = Rect::from_min_max(pos2(10.0, 20.0), pos2(811.0, 633.0));
        for layout in [Layout::FourUp, Layout::OneAndTwo(Plane::Coronal), Layout::One(Pane::Surface)] {
            let places = places(layout, rect);
            let area: f32 = places.iter().map(|(_, place)| place.area()).sum();
            assert!(area > 0.99 * rect.area() && area <= rect.area(), "{layout:?}");
            for (at, (pane, place)) in places.iter().enumerate() {
                assert!(rect.contains_rect(*place));
                assert!(places[..at].iter().all(|(other, taken)| other != pane && !taken.intersects(*place)), "{layout:?}");
            }
        }
    }
}
