//! The bars around a screen: top bar with mode tabs, tool bar, status bar.

use egui::{Align2, Frame, Layout, Panel, Rect, Response, Role, Sense, Ui, UiBuilder, pos2, vec2};

use crate::look::focus;
use crate::look::icons::{self, Icon};
use crate::look::paint::{self, Run};
use crate::look::theme::{Theme, corners, margin};
use crate::look::tokens::{Panels, State, Type, control, gap, icon, layout, radius};
use crate::look::widgets::button::IconButton;
use crate::look::widgets::sections::sign_of;
use crate::look::widgets::trailing::trailing;

/// What the left of a top bar says.
#[derive(Clone, Copy, Debug, Default)]
pub struct TopTitle<'a> {
    /// Name of the product, study or page.
    pub title: &'a str,
    /// Fainter words: below the title in a study, beside it elsewhere.
    pub about: &'a str,
    /// Below or beside.
    pub stacked: bool,
}

/// What the right of a top bar offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopAction {
    /// Back to Home.
    Home,
    /// The list of commands.
    Search,
    /// The keyboard page.
    Help,
    /// Settings.
    Settings,
}

/// Top bar: Home (or the product's mark), title, the middle (mode tabs), `right` and then search, help, settings.
pub fn top_bar(
    ui: &mut Ui,
    title: TopTitle<'_>,
    home: bool,
    middle: impl FnOnce(&mut Ui),
    right: impl FnOnce(&mut Ui),
) -> Option<TopAction> {
    let p = Theme::of(ui);
    let mut action = None;
    let frame = Frame::new().fill(p.bg1).inner_margin(margin(gap::S, 0.0));
    let panel = Panel::top("top bar").exact_size(layout::TOP_BAR).resizable(false).show_separator_line(false).frame(frame);
    let shown = panel.show(ui, |ui| {
        let whole = ui.max_rect();
        ui.horizontal_centered(|ui| {
            if home {
                if ui.add(IconButton::new(icons::HOME, "Home")).clicked() {
                    action = Some(TopAction::Home);
                }
                bar_rule(ui);
            } else {
                let (rect, _) = ui.allocate_exact_size(vec2(control::HEIGHT, control::HEIGHT), Sense::hover());
                paint::icon(ui.painter(), rect.center(), icons::MARK, icon::TOOL, p.accent);
            }
            paint_title(ui, title, home);
            // The middle is the middle of the window, not of what the sides leave.
            let layout = Layout::centered_and_justified(egui::Direction::LeftToRight);
            middle(&mut ui.new_child(UiBuilder::new().id_salt("middle").max_rect(whole).layout(layout)));
            trailing(ui, "top bar", whole, |ui| {
                right(ui);
                for (sign, name, what) in [
                    (icons::SEARCH, "Commands", TopAction::Search),
                    (icons::HELP, "Keyboard and help", TopAction::Help),
                    (icons::SETTINGS, "Settings", TopAction::Settings),
                ] {
                    if ui.add(IconButton::new(sign, name)).clicked() {
                        action = Some(what);
                    }
                }
            });
        });
    });
    paint::rule_below(ui.painter(), shown.response.rect, p.line1);
    action
}

fn paint_title(ui: &mut Ui, title: TopTitle<'_>, home: bool) {
    let p = Theme::of(ui);
    let width = ui.available_width() * if title.stacked { layout::TITLE_SHARE } else { layout::PAGE_TITLE_SHARE };
    let size = if home { Type::Body } else { Type::Section };
    let strong = paint::line_of(ui, title.title, size.strong(), p.text1, width);
    let about_size = if title.stacked { Type::Caption } else { Type::Body };
    let about = paint::line_of(ui, title.about, about_size.regular(), if title.stacked { p.text3 } else { p.text2 }, width);
    let both = if title.stacked { strong.size().x.max(about.size().x) } else { strong.size().x + gap::S + about.size().x };
    let (rect, response) = ui.allocate_exact_size(vec2(both, control::LARGE), Sense::hover());
    if title.stacked {
        let upper = Rect::from_min_size(pos2(rect.left(), rect.center().y - Type::Body.line() + gap::XXS), vec2(both, Type::Body.line()));
        let lower = Rect::from_min_size(upper.left_bottom(), vec2(both, Type::Caption.line()));
        paint::place(ui.painter(), upper, Align2::LEFT_CENTER, &strong);
        paint::place(ui.painter(), lower, Align2::LEFT_CENTER, &about);
    } else {
        paint::place(ui.painter(), rect, Align2::LEFT_CENTER, &strong);
        paint::place(ui.painter(), rect, Align2::RIGHT_CENTER, &about);
    }
    paint::name(&response, Role::Heading, title.title);
    if strong.elided || about.elided {
        response.on_hover_text(format!("{}\n{}", title.title, title.about));
    }
}

/// An upright separator between parts of a bar.
pub fn bar_rule(ui: &mut Ui) {
    let (rect, _) = ui.allocate_exact_size(vec2(gap::S, control::BAR_LINE), Sense::hover());
    paint::upright(ui.painter(), rect.center().x, rect.center().y, control::BAR_LINE, Theme::of(ui).line1);
}

/// A mode: View, Segment, Review, Edit, Export.
#[derive(Clone, Copy)]
pub struct ModeTab<'a, T> {
    /// Which.
    pub mode: T,
    /// Its icon.
    pub icon: Icon,
    /// Its word.
    pub text: &'a str,
}

/// Mode tabs; gives the one that was clicked. In narrow windows only the current one has its word.
pub fn mode_tabs<T: Copy + PartialEq>(ui: &mut Ui, current: T, tabs: &[ModeTab<'_, T>], panels: Panels) -> Option<T> {
    let p = Theme::of(ui);
    let runs: Vec<(bool, bool, Run)> = tabs
        .iter()
        .map(|tab| {
            let on = tab.mode == current;
            let worded = on || panels != Panels::Narrow;
            let ink = if on { p.text1 } else { p.text2 };
            let mut run = Run::default();
            run.icon(tab.icon, icon::BAR, ink);
            if worded {
                run.gap(control::ICON_GAP);
                run.text(ui, tab.text, Type::Body.weight(on), ink, f32::INFINITY);
            }
            (on, worded, run)
        })
        .collect();
    let widths: Vec<f32> = runs.iter().map(|(_, _, run)| run.width().ceil() + 2.0 * control::PAD).collect();
    let inset = gap::XXS;
    let between = gap::XXS * (tabs.len().saturating_sub(1)) as f32;
    let size = vec2(widths.iter().sum::<f32>() + between + 2.0 * inset, control::HEIGHT + 2.0 * inset);
    let (outer, group) = ui.allocate_exact_size(size, Sense::hover());
    paint::name(&group, Role::TabList, "Mode");
    ui.painter().rect_filled(paint::snapped(ui.painter(), outer), corners(radius::CONTROL + inset), p.bg0);
    let mut left = outer.left() + inset;
    let mut chosen = None;
    for (at, ((tab, (on, worded, run)), width)) in tabs.iter().zip(&runs).zip(&widths).enumerate() {
        let rect = Rect::from_min_size(pos2(left, outer.top() + inset), vec2(*width, control::HEIGHT));
        left += width + gap::XXS;
        let response = ui.interact(rect, group.id.with(at), Sense::click());
        paint::name(&response, Role::Tab, tab.text);
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_selected(*on));
        let fill = match (*on, response.hovered()) {
            (true, _) => p.bg4,
            (false, true) => p.bg3,
            (false, false) => egui::Color32::TRANSPARENT,
        };
        ui.painter().rect_filled(paint::snapped(ui.painter(), rect), corners(radius::CONTROL), fill);
        run.paint_centred(ui.painter(), rect);
        focus::ring(ui, &response, radius::CONTROL);
        if response.clicked() {
            chosen = Some(tab.mode);
        }
        if !worded {
            response.on_hover_text(tab.text);
        }
    }
    chosen
}

/// The tool bar above the panes.
pub fn tool_bar<R>(ui: &mut Ui, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let p = Theme::of(ui);
    let frame = Frame::new().fill(p.bg1).inner_margin(margin(gap::S, 0.0));
    let panel = Panel::top("tool bar").exact_size(layout::TOOL_BAR).resizable(false).show_separator_line(false).frame(frame);
    let shown = panel.show(ui, |ui| {
        ui.spacing_mut().item_spacing.x = control::CHIP_GAP;
        ui.horizontal_centered(contents).inner
    });
    // What the bar holds may be wider than the bar; its rule is not.
    let across = ui.available_rect_before_wrap().x_range();
    paint::rule_below(ui.painter(), Rect::from_x_y_ranges(across, shown.response.rect.y_range()), p.line1);
    shown.inner
}

/// Status bar: the standing sentence, what is under the pointer, and what was saved.
pub fn status_bar(ui: &mut Ui, middle: &str, state: State, saved: &str) -> Response {
    let p = Theme::of(ui);
    let frame = Frame::new().fill(p.bg1).inner_margin(margin(gap::M, 0.0));
    let panel = Panel::bottom("status bar").exact_size(layout::STATUS_BAR).resizable(false).show_separator_line(false).frame(frame);
    let shown = panel.show(ui, |ui| {
        let rect = ui.max_rect();
        let (_, response) = ui.allocate_exact_size(rect.size(), Sense::hover());
        let third = rect.width() / 3.0;
        let mut left = Run::default();
        left.text(ui, crate::look::RESEARCH_USE, Type::Small.regular(), p.text3, third);
        left.paint(ui.painter(), rect.left(), rect.center().y);
        let mut right = Run::default();
        if state != State::Neutral {
            right.icon(sign_of(state), icon::TAG, p.state(state).0);
            right.gap(control::ICON_GAP);
        }
        right.text(ui, saved, Type::Small.regular(), p.text2, third - right.width());
        right.paint_right(ui.painter(), rect.right(), rect.center().y);
        // In the middle of the window, over what the wider side leaves.
        let room = rect.width() - 2.0 * (left.width().max(right.width()) + gap::M);
        let mut centre = Run::default();
        centre.text(ui, middle, Type::Small.regular(), p.text1, room);
        centre.paint_centred(ui.painter(), rect);
        say_part(ui, &response, "notice", crate::look::RESEARCH_USE, false);
        say_part(ui, &response, "pointer", middle, false);
        say_part(ui, &response, "saved", saved, true);
        response
    });
    let rect = shown.response.rect;
    let top = Rect::from_min_size(rect.min, vec2(rect.width(), crate::look::tokens::line::THIN));
    ui.painter().rect_filled(paint::snapped(ui.painter(), top), 0, p.line1);
    shown.inner
}

/// One of the three texts of the status bar as a node of its own; what was saved is a live region.
fn say_part(ui: &Ui, bar: &Response, part: &str, text: &str, live: bool) {
    if text.is_empty() {
        return;
    }
    let response = ui.interact(bar.rect, bar.id.with(part), Sense::hover());
    paint::name(&response, Role::Status, text);
    if live {
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_live(egui::accesskit::Live::Polite));
    }
}
