//! Lists that open: a value that can be chosen from a few, and entries of menus.

use egui::{Align2, Popup, Rect, Response, Role, Sense, Ui, pos2, vec2};

use crate::look::focus;
use crate::look::icons::{self, Icon};
use crate::look::paint::{self, Run};
use crate::look::theme::{Theme, corners};
use crate::look::tokens::{Type, control, gap, icon, radius};

/// A row of a setting that opens a list: label at the left, the value and a mark at the right. Gives the index that was chosen.
pub fn select(ui: &mut Ui, label: &str, current: usize, options: &[&str]) -> Option<usize> {
    let p = Theme::of(ui);
    let value = options.get(current).copied().unwrap_or_default();
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), control::SETTING_ROW), Sense::click());
    let ink = if response.hovered() { p.text1 } else { p.text2 };
    let mut run = Run::default();
    let label_galley = paint::line_of(ui, label, Type::Body.regular(), p.text1, rect.width());
    let room = rect.width() - label_galley.size().x - gap::L - icon::ROW;
    run.text(ui, value, Type::Body.regular(), ink, room);
    run.gap(gap::S);
    run.icon(icons::DOWN, icon::ROW, ink);
    paint::place(ui.painter(), rect, Align2::LEFT_CENTER, &label_galley);
    run.paint_right(ui.painter(), rect.right(), rect.center().y);
    let around = Rect::from_min_max(pos2(rect.right() - run.width(), rect.top()), rect.max);
    focus::ring_around(ui, &response, around, gap::XXS);
    paint::name(&response, Role::ComboBox, label);
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_value(value.to_owned()));
    let mut chosen = None;
    Popup::menu(&response).align(egui::RectAlign::BOTTOM_END).accessible_name(label).show(|ui| {
        ui.set_min_width(control::MENU);
        for (index, option) in options.iter().enumerate() {
            let sign = if index == current { Some(icons::CHECK) } else { None };
            if menu_item(ui, sign, option, None, true).clicked() {
                chosen = Some(index);
            }
        }
    });
    if run.is_elided() {
        response.on_hover_text(value);
    }
    chosen
}

/// An entry of a menu: icon, words, key.
pub fn menu_item(ui: &mut Ui, sign: Option<Icon>, text: &str, key: Option<&str>, enabled: bool) -> Response {
    ui.add_enabled_ui(enabled, |ui| {
        let p = Theme::of(ui);
        let mut run = Run::default();
        match sign {
            Some(sign) => run.icon(sign, icon::ROW, p.text2),
            None => run.gap(icon::ROW),
        }
        run.gap(gap::S);
        run.text(ui, text, Type::Body.regular(), p.text1, f32::INFINITY);
        let mut after = Run::default();
        if let Some(key) = key {
            after.gap(gap::L);
            after.key(ui, key, Type::Caption.regular(), p.text2, p.line2);
        }
        let width = (run.width() + after.width() + 2.0 * gap::S).max(ui.available_width().min(control::MENU));
        let (rect, response) = ui.allocate_exact_size(vec2(width, control::MENU_ROW), Sense::click());
        if response.hovered() || response.has_focus() {
            ui.painter().rect_filled(rect, corners(radius::TAG), p.bg3);
        }
        run.paint(ui.painter(), rect.left() + gap::S, rect.center().y);
        after.paint_right(ui.painter(), rect.right() - gap::S, rect.center().y);
        focus::ring_inside(ui, &response);
        paint::name(&response, Role::MenuItem, text);
        response
    })
    .inner
}
