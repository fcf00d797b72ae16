//! The 3D pane: surfaces of the structures that are shown.

use egui::{Align2, Id, Key, PointerButton, Rect, Response, Role, Sense, Ui};

use super::input::{Grip, Held, turns};
use super::looks::{looks, rgb};
use super::{Scene, over};
use crate::command::Command;
use crate::look::paint;
use crate::look::tokens::colour::IMAGE_TEXT2;
use crate::look::tokens::{Type, control, gap, layout, line};
use crate::look::widgets::{Plate, plate};
use crate::render::mesh::{MeshPainter, MeshStyle, MeshView, Shading, pick};
use crate::state::{Layout, Mode, Pane};

/// Number of the pane among those the painters know; slices have 0 to 2.
const PANE: u64 = 3;

/// Draws the surfaces and answers the pointer.
pub(super) fn show(ui: &mut Ui, scene: &mut Scene<'_>, rect: Rect) {
    let case = scene.case;
    let response = ui.interact(rect, Id::unique("surface pane"), Sense::click_and_drag());
    let view = view(scene);
    pointer(ui, scene, &response, &view);
    let ui = &mut ui.new_child(egui::UiBuilder::new().id_salt("over surfaces").max_rect(rect));
    ui.set_clip_rect(rect.intersect(ui.clip_rect()));
    let shown = view.structures.iter().filter(|(_, style)| style.visible).count();
    let about = caption(scene, shown);
    let making = scene.panes.surfaces.is_making();
    let letters = view.camera.letters();
    let name = view.camera.name().unwrap_or("Oblique");
    if view.structures.is_empty() {
        let text = match (case.layer().is_some(), making) {
            (_, true) => "Making surfaces…",
            (true, false) => "This mask is empty",
            (false, false) => "Surfaces appear after the first run",
        };
        over::nothing(ui, rect, text);
    } else {
        MeshPainter { pane: PANE, rect, view }.paint(ui.painter());
    }
    over::edges(ui, rect, [letters.left, letters.right, letters.top, letters.bottom]);
    let corner = rect.right_top() + egui::vec2(-control::PLATE_INSET - control::PLATE_PAD, control::PLATE_INSET);
    if rect.width() > 2.0 * layout::NUMBERS {
        plate(ui, corner, Align2::RIGHT_TOP, Plate::Numbers(name));
    }
    let inset = control::PLATE_INSET;
    // What does not fit before the letter in the middle is left to those who cannot see it.
    let words = [("3D surface", Type::Small.strong()), (about.as_str(), Type::Small.regular())];
    let width: f32 = words.map(|(text, font)| paint::line_of(ui, text, font, IMAGE_TEXT2, f32::INFINITY).size().x).iter().sum();
    let fits = width + 2.0 * inset + gap::XL < rect.width() * line::HALF;
    plate(ui, rect.min + egui::vec2(inset, inset), Align2::LEFT_TOP, Plate::Name("3D surface", if fits { &about } else { "" }));
    paint::name(&response, Role::Image, &format!("3D surface, {about}"));
}

/// What is counted in the header.
fn caption(scene: &Scene<'_>, shown: usize) -> String {
    let focus = scene.case.view.selected.filter(|_| scene.mode == Mode::Review).and_then(|value| scene.case.words_of(value));
    let running = scene.state.run.as_ref().is_some_and(|run| run.case == scene.case.folder.path());
    match (focus, shown) {
        (Some(name), 1..) => format!("{name} in focus"),
        (_, 0) if scene.case.layer().is_none() => "no mask yet".to_owned(),
        (_, 0) => String::new(),
        (_, 1) if running => "1 structure so far".to_owned(),
        (_, 1) => "1 structure".to_owned(),
        (_, count) if running => format!("{count} structures so far"),
        (_, count) => format!("{count} structures"),
    }
}

/// Surfaces with their looks, from where the camera stands.
fn view(scene: &mut Scene<'_>) -> MeshView {
    let case = scene.case;
    let meshes = scene.panes.surfaces.of(case);
    let masked = case.view.mask_shown && !case.view.peeking;
    let looks = looks(case, &scene.state.settings);
    let in_focus = case.view.selected.filter(|_| scene.mode == Mode::Review);
    let one = |mesh: &std::sync::Arc<crate::render::mesh::Mesh>| {
        let look = looks.iter().find(|look| look.value == mesh.label())?;
        let style = MeshStyle {
            color: rgb(look.color),
            visible: masked && case.is_visible(look.value),
            dimmed: in_focus.is_some_and(|value| value != look.value),
        };
        Some((mesh.clone(), style))
    };
    MeshView { structures: meshes.iter().filter_map(one).collect(), camera: case.view.camera, shading: Shading::default() }
}

fn pointer(ui: &Ui, scene: &mut Scene<'_>, response: &Response, view: &MeshView) {
    let rect = response.rect;
    let (space, delta, latest, down) =
        ui.input(|input| (input.key_down(Key::Space), input.pointer.delta(), input.pointer.latest_pos(), input.pointer.any_down()));
    let pressed = [PointerButton::Primary, PointerButton::Secondary, PointerButton::Middle]
        .into_iter()
        .find(|button| ui.input(|input| input.pointer.button_pressed(*button)));
    if let (Some(button), true, None, Some(from)) = (pressed, response.contains_pointer(), scene.panes.held, latest) {
        let grip = match button {
            PointerButton::Secondary => Grip::Zoom,
            PointerButton::Middle => Grip::Pan,
            _ if space => Grip::Pan,
            _ => Grip::Turn,
        };
        scene.panes.held = Some(Held { pane: Pane::Surface, grip, from });
        response.request_focus();
        if scene.case.view.active != Pane::Surface {
            scene.ask(Command::Activate(Pane::Surface));
        }
    }
    let mut camera = view.camera;
    if let Some(held) = scene.panes.held.filter(|held| held.pane == Pane::Surface) {
        if delta != egui::Vec2::ZERO {
            match held.grip {
                Grip::Pan => camera.pan(delta, rect.size()),
                Grip::Zoom => camera.zoom_about(held.from, rect, f64::from(-delta.y / layout::ZOOM_DRAG).exp2()),
                // A click that trembles does not turn.
                _ if response.dragged() => camera.turn(delta, rect.size()),
                _ => {}
            }
        }
        if !down {
            scene.panes.held = None;
        }
    }
    if response.hovered()
        && let Some(pos) = latest
    {
        let zoom = f64::from(ui.input(egui::InputState::zoom_delta)) * f64::from(turns(ui) * layout::WHEEL_ZOOM).exp2();
        if zoom != 1.0 {
            camera.zoom_about(pos, rect, zoom);
        }
    }
    if camera != view.camera {
        scene.ask(Command::SetCamera(camera));
    }
    if response.double_clicked() {
        let one = Layout::One(Pane::Surface);
        scene.ask(Command::SetLayout(if scene.case.view.layout == one { Layout::FourUp } else { one }));
    } else if response.clicked()
        && let Some(pos) = response.interact_pointer_pos()
        && let Some(value) = pick(view, pos, rect)
    {
        scene.ask(Command::Select(Some(value)));
    }
}
