//! Choosing a series.

use eframe::egui::{Align, Align2, Frame, Layout, Panel, Rect, ScrollArea, Sense, TextureHandle, Ui, UiBuilder, vec2};
use jobs::ListedStudy;

use crate::command::Command;
use crate::look::tokens::{Palette, State as Sign, Type, breakpoint, control, gap, line};
use crate::look::widgets::{
    Button, Field, Ink, Plate, StudyRow, Words, empty, fact, link, plate, rule, section_head, state_row, study_head, table,
};
use crate::look::{Theme, icons, paint, theme};
use crate::screens::{Draw, words};
use crate::state::Listing;

/// Most of the panel's height that the picture takes: a tall patient must not push the facts off the window.
const PICTURE_SHARE: f32 = 0.45;

pub(super) fn ui(ui: &mut Ui, draw: &mut Draw<'_>) {
    let Some(listing) = &draw.state.listing else { return };
    let Some(report) = &listing.report else {
        empty(ui, "Reading the folder…");
        return;
    };
    let p = Theme::of(ui);
    let width = breakpoint(ui.ctx().content_rect().width()).series();
    // No panel: it would come before the list in the order of Tab, and what opens the series comes last.
    let whole = ui.available_rect_before_wrap();
    let (left, right) = whole.split_left_right_at_x(whole.right() - width);
    ui.scope_builder(UiBuilder::new().id_salt("series list").max_rect(left), |ui| {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            Frame::new().inner_margin(theme::margin(gap::XL, gap::XL)).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                let usable = report.studies.iter().filter(|study| study.refused.is_none()).count();
                head(ui, draw, usable, listing);
                ui.add_space(gap::M);
                list(ui, draw, &report.studies, listing);
                ui.add_space(gap::M);
                skipped(ui, draw, &report.skipped, listing.skipped_shown);
            });
        });
    });
    ui.painter().rect_filled(right, 0, p.bg1);
    paint::upright(ui.painter(), right.left(), right.center().y, right.height(), p.line1);
    let inner = right.with_min_x(right.left() + line::THIN);
    ui.scope_builder(UiBuilder::new().id_salt("series details").max_rect(inner), |ui| {
        ui.set_clip_rect(inner);
        if let Some(study) = report.studies.get(listing.selected) {
            details(ui, draw, study);
        }
    });
}

/// How many there are, and the filter.
fn head(ui: &mut Ui, draw: &mut Draw<'_>, usable: usize, listing: &Listing) {
    let size = vec2(ui.available_width(), control::HEIGHT);
    ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), |ui| {
        let mut text = listing.filter.clone();
        let field = Field::new("Filter series", &mut text).hint("Filter series").icon(icons::SEARCH).width(control::WIDE_BUTTON);
        let field = ui.add(field);
        if field.changed() {
            draw.ask(Command::FilterSeries(text));
        }
        if field.lost_focus() && ui.input(|input| input.key_pressed(eframe::egui::Key::Enter)) {
            draw.ask(Command::OpenSelected);
        }
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            let text = match usable {
                0 => "No series can be opened".to_owned(),
                1 => "1 series can be opened".to_owned(),
                _ => format!("{usable} series can be opened"),
            };
            ui.add(Words::title(&text));
        });
    });
}

fn list(ui: &mut Ui, draw: &mut Draw<'_>, studies: &[ListedStudy], listing: &Listing) {
    let shown: Vec<(usize, &ListedStudy)> = studies.iter().enumerate().filter(|(_, study)| listing.shows(study)).collect();
    if shown.is_empty() {
        ui.add(Words::note("No series is called so."));
        return;
    }
    let usable = studies.iter().filter(|study| study.refused.is_none()).count();
    let best = studies.iter().position(|study| study.refused.is_none()).filter(|_| usable > 1);
    table(ui, |ui| {
        study_head(ui);
        for (at, (index, study)) in shown.iter().enumerate() {
            let picture = study.picture.as_ref().and_then(|path| draw.pictures.of(ui.ctx(), path));
            let selected = *index == listing.selected;
            let row = Told::of(study);
            let mut row = row.row(study).picture(picture.as_ref()).selected(selected && study.refused.is_none());
            if Some(*index) == best {
                row = row.tag("Best match");
            }
            if at + 1 == shown.len() {
                row = row.last();
            }
            let response = ui.add(row);
            if response.double_clicked() {
                draw.commands.extend([Command::SelectSeries(*index), Command::OpenSelected]);
            } else if response.clicked() {
                draw.ask(Command::SelectSeries(*index));
            }
        }
    });
}

/// What a row says of a study.
struct Told {
    about: String,
    slices: String,
    spacing: String,
    note: Option<(Sign, icons::Icon, String)>,
}

impl Told {
    fn of(study: &ListedStudy) -> Self {
        let detail = if study.detail == study.title { "" } else { &study.detail };
        let about = [kind(study), detail].into_iter().filter(|text| !text.is_empty());
        let note = match (&study.refused, study.warnings.as_slice()) {
            (Some(reason), _) => Some((Sign::Neutral, icons::REFUSED, words::capital(reason))),
            (None, []) => None,
            (None, [only]) => Some((Sign::Warn, icons::WARNING, words::capital(&only.text))),
            (None, [first, rest @ ..]) => {
                let more = words::counted(rest.len(), "more warning", "more warnings");
                Some((Sign::Warn, icons::WARNING, format!("{} · {more}", words::capital(&first.text))))
            }
        };
        Self {
            about: about.collect::<Vec<_>>().join(" · "),
            slices: if study.slices > 0 { words::thousands(study.slices as u64) } else { String::new() },
            spacing: study.placement.as_ref().filter(|_| study.refused.is_none()).map_or_else(
                || "not a volume".to_owned(),
                |placement| {
                    let [z, y, x] = placement.spacing_zyx_mm.map(words::mm);
                    format!("{x} × {y} × {z}")
                },
            ),
            note,
        }
    }

    fn row<'a>(&'a self, study: &'a ListedStudy) -> StudyRow<'a> {
        let row = StudyRow::new(&study.title, &self.about, &self.slices, &self.spacing).refused(study.refused.is_some());
        match &self.note {
            Some((sign, icon, text)) => row.note(*sign, *icon, text),
            None => row,
        }
    }
}

/// Modality, or the kind of file where the file does not say one.
fn kind(study: &ListedStudy) -> &str {
    let name = study.path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_ascii_lowercase();
    let ends = |ending: &str| name.ends_with(ending);
    match study.modality.as_str() {
        "" if ends(".nii") || ends(".nii.gz") => "NIfTI",
        "" if ends(".nrrd") || ends(".nhdr") => "NRRD",
        modality => modality,
    }
}

fn skipped(ui: &mut Ui, draw: &mut Draw<'_>, skipped: &[String], shown: bool) {
    if skipped.is_empty() {
        return;
    }
    ui.horizontal(|ui| {
        let p = Theme::of(ui);
        let (rect, _) = ui.allocate_exact_size(vec2(control::CHECK, control::TARGET), Sense::hover());
        paint::icon(ui.painter(), rect.center(), icons::INFO, control::CHECK, p.text3);
        ui.add(Words::small(&format!("{} skipped.", words::counted(skipped.len(), "file was", "files were"))).ink(Ink::Caption));
        if link(ui, if shown { "Hide list" } else { "Show list" }).clicked() {
            draw.ask(Command::ShowSkipped(!shown));
        }
    });
    if shown {
        ui.add_space(gap::XS);
        for text in skipped {
            ui.add(Words::note(&words::capital(text)));
            ui.add_space(gap::XS);
        }
    }
}

fn details(ui: &mut Ui, draw: &mut Draw<'_>, study: &ListedStudy) {
    let p = Theme::of(ui);
    let bottom = Panel::bottom("open series").resizable(false).frame(Frame::new().fill(p.bg1).inner_margin(theme::margin(gap::M, gap::M)));
    bottom.show(ui, |ui| {
        let width = ui.available_width();
        if ui.add(Button::primary("Open").large().key("Enter").width(width).enabled(study.refused.is_none())).clicked() {
            draw.ask(Command::OpenSelected);
        }
    });
    if let Some(picture) = study.coronal.as_ref().and_then(|path| draw.pictures.of(ui.ctx(), path)) {
        coronal(ui, &p, &picture);
    }
    ScrollArea::vertical().show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        facts(ui, study);
    });
}

/// The middle coronal slice on black, with the patient's sides.
fn coronal(ui: &mut Ui, p: &Palette, picture: &TextureHandle) {
    let (width, whole) = (ui.available_width(), picture.size_vec2());
    let height = (width * whole.y / whole.x.max(line::THIN)).min(ui.available_height() * PICTURE_SHARE).floor();
    let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    ui.painter().rect_filled(rect, 0, p.canvas);
    let inner = Rect::from_center_size(rect.center(), whole * (rect.size() / whole).min_elem());
    eframe::egui::Image::from_texture((picture.id(), inner.size())).paint_at(ui, inner);
    let inset = control::PLATE_INSET;
    plate(ui, rect.left_top() + vec2(inset, inset), Align2::LEFT_TOP, Plate::Name("Coronal", ""));
    for (letter, at, align) in [
        ("S", rect.center_top() + vec2(0.0, inset), Align2::CENTER_TOP),
        ("I", rect.center_bottom() - vec2(0.0, inset), Align2::CENTER_BOTTOM),
        ("R", rect.left_center() + vec2(inset, 0.0), Align2::LEFT_CENTER),
        ("L", rect.right_center() - vec2(inset, 0.0), Align2::RIGHT_CENTER),
    ] {
        plate(ui, at, align, Plate::Letter(letter));
    }
    paint::name(&response, eframe::egui::Role::Image, "Coronal slice, patient's right on the left");
}

fn facts(ui: &mut Ui, study: &ListedStudy) {
    let block = || Frame::new().inner_margin(theme::margin(gap::M, gap::M));
    block().show(ui, |ui| {
        ui.add(Words::new(&study.title).size(Type::Section).strong());
        ui.add_space(gap::S);
        fact(ui, "Modality", if study.modality.is_empty() { "not stated" } else { &study.modality });
        if let Some(placement) = &study.placement {
            let ([nz, ny, nx], [sz, sy, sx]) = (placement.size_zyx, placement.spacing_zyx_mm);
            fact(ui, "Volume", &format!("{nx} × {ny} × {nz}"));
            fact(ui, "Spacing", &format!("{sx:.2} × {sy:.2} × {sz:.2} mm"));
            fact(ui, "Covers", &format!("{:.0} × {:.0} × {:.0} mm", nx as f64 * sx, ny as f64 * sy, nz as f64 * sz));
            fact(ui, "Orientation", &placement.orientation);
            fact(ui, "Memory when open", &words::bytes((nz * ny * nx * 2) as u64));
        }
    });
    rule(ui);
    block().show(ui, |ui| {
        section_head(ui, "Geometry", None);
        ui.add_space(gap::XS);
        if let Some(reason) = &study.refused {
            told(ui, Sign::Err, reason);
        }
        for warning in &study.warnings {
            told(ui, Sign::Warn, &warning.text);
        }
        if study.refused.is_none() && study.warnings.is_empty() {
            state_row(ui, Sign::Ok, "Slices evenly spaced, no tilt", "");
            state_row(ui, Sign::Ok, "Orientation from the files, not guessed", "");
        }
    });
}

/// A doubt in as many lines as it takes: here is the place to read all of it.
fn told(ui: &mut Ui, sign: Sign, text: &str) {
    let p = Theme::of(ui);
    ui.horizontal_top(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(control::CHECK, Type::Body.line()), Sense::hover());
        paint::icon(ui.painter(), rect.center(), crate::look::widgets::sign_of(sign), control::CHECK, p.state(sign).0);
        ui.add(Words::new(&words::capital(text)).wrap());
    });
    ui.add_space(gap::S);
}
