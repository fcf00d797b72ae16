//! `export`: a layer with its edits to files others read. Each kind stands for itself: one that fails leaves the others whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use formats::FormatError;
use formats::label_table::{self, TableKind};
use formats::mesh::{MeshView, write_obj, write_ply, write_stl};
use formats::nifti::{self, NiftiPlacement, ReadOptions};
use formats::nrrd::{self, SegmentationInfo};
use formats::report::{Picture, Report, write_report};
use formats::study::{OpenOptions, Source, open};
use formats::table::{StructureRow, StructureTable, write_structures_csv, write_structures_json};
use jobs::case::{Decision, ReviewFile};
use jobs::{ExportJob, ExportKind, ExportReport, ExportedFile, Failure, FailureKind, Stage, structure_words, utc_timestamp};
use mask::Watch;
use mask::surface::{Surface, SurfaceOptions, surfaces};
use ndarray::Array3;
use volume::{LabelMap, LabelTable, LabelVoxels, Scan};

use crate::files::create_folder;
use crate::layers::{Opened, open_case, operation};
use crate::preview;
use crate::run::Run;

/// What is written.
struct Content {
    case: Opened,
    layer_name: String,
    mask: LabelMap,
    review: Option<ReviewFile>,
    provenance: Vec<(String, String)>,
}

/// Writes every kind asked for.
pub(crate) fn export(job: &ExportJob, run: &mut Run<'_>) -> Result<ExportReport, Failure> {
    run.stage(Stage::ReadingInput)?;
    let content = read(job)?;
    create_folder(&job.folder)?;
    let mut report = ExportReport::default();
    let mut made: Option<Vec<Surface>> = None;
    for kind in &job.kinds {
        run.stage(Stage::Writing)?;
        if matches!(kind, ExportKind::Stl | ExportKind::Obj | ExportKind::Ply) && made.is_none() {
            made = Some(surfaces_of(&content)?);
        }
        match write(job, &content, *kind, made.as_deref().unwrap_or_default()) {
            Ok(files) => report.files.extend(files),
            Err(sentence) => report.failed.push((*kind, sentence)),
        }
    }
    if report.files.is_empty()
        && let Some((_, sentence)) = report.failed.first()
    {
        return Err(Failure::new(FailureKind::Output, sentence.clone()));
    }
    Ok(report)
}

fn read(job: &ExportJob) -> Result<Content, Failure> {
    let case = open_case(&job.case)?;
    let mask = case.mask(job.layer)?;
    let review = mask.folder.read_review().unwrap_or_default();
    let provenance = provenance(job, &case, &mask.file, review.as_ref());
    let (layer_name, mut table) = (mask.file.name, mask.file.table);
    let mut voxels = mask.grid.into_voxels();
    if job.only_accepted {
        let accepted = |value: u16| {
            review.iter().flat_map(|review| &review.structures).any(|known| known.value == value && known.decision == Decision::Accepted)
        };
        keep(&mut voxels, accepted);
        table = LabelTable::from_labels(table.iter().filter(|label| accepted(label.value)).cloned());
    }
    let geometry = case.file.geometry.clone();
    Ok(Content { case, layer_name, mask: LabelMap { geometry, voxels: voxels.narrowed(), table }, review, provenance })
}

/// Turns every other value into background.
fn keep(voxels: &mut LabelVoxels, wanted: impl Fn(u16) -> bool) {
    let wanted: Vec<bool> = (0..=u16::MAX).map(wanted).collect();
    match voxels {
        LabelVoxels::U8(values) => values.mapv_inplace(|value| if wanted[usize::from(value)] { value } else { 0 }),
        LabelVoxels::U16(values) => values.mapv_inplace(|value| if wanted[usize::from(value)] { value } else { 0 }),
    }
}

fn provenance(job: &ExportJob, case: &Opened, layer: &jobs::case::LayerFile, review: Option<&ReviewFile>) -> Vec<(String, String)> {
    let mut rows = vec![
        ("Program".to_owned(), crate::SOFTWARE.to_owned()),
        ("Written".to_owned(), utc_timestamp(SystemTime::now())),
        ("Layer".to_owned(), layer.name.clone()),
    ];
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            rows.push((name.to_owned(), value));
        }
    };
    if let Some(made) = &layer.provenance {
        add("Model", made.model.name.clone());
        add("Weights SHA-256", made.model.sha256.clone());
        add("Licence", made.model.licence.clone().unwrap_or_default());
        add("Folds", made.parameters.folds.join(", "));
        add("Tile step", made.parameters.step_size.to_string());
        add("Mirrored axes", made.parameters.mirror_axes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
        add("Precision", made.parameters.precision.clone());
        add("Device", made.device.clone());
        add("Segmented", made.finished_at.clone());
    }
    add("Source series", case.file.source.identity.series_uids.join(", "));
    add("Source SHA-256", case.file.source.identity.file_sha256.join(", "));
    if let Some(review) = review {
        add("Reviewer", review.reviewer.clone());
        let accepted = review.structures.iter().filter(|structure| structure.decision == Decision::Accepted).count();
        add("Accepted", format!("{accepted} of {} structures", review.structures.iter().filter(|known| known.voxels > 0).count()));
    }
    if !job.without_patient {
        add("Study", case.file.subtitle.clone());
    }
    rows
}

fn surfaces_of(content: &Content) -> Result<Vec<Surface>, Failure> {
    let grid = mask::LabelGrid::from_map(content.mask.clone()).map_err(|error| operation(&error))?;
    let values: Vec<u16> = content.mask.table.iter().map(|label| label.value).collect();
    surfaces(&grid, &values, &SurfaceOptions::default(), Watch::none()).map_err(|error| operation(&error))
}

/// Writes one kind and reads it back where that can fail quietly.
fn write(job: &ExportJob, content: &Content, kind: ExportKind, surfaces: &[Surface]) -> Result<Vec<ExportedFile>, String> {
    let target = |ending: &str| job.folder.join(format!("{}{ending}", job.stem));
    let mask = &content.mask;
    let one = |path: PathBuf, verified: Option<bool>| finished(kind, path, verified).map(|file| vec![file]);
    match kind {
        ExportKind::Nifti => {
            let path = free(job, target("_seg.nii.gz"))?;
            nifti::write_labels_named(&path, mask, placement(content).as_ref()).map_err(said)?;
            let read = nifti::read_labels(&path, &ReadOptions::default()).map_err(said)?;
            one(path, Some(same(&read, mask)))
        }
        ExportKind::SegNrrd => {
            let path = free(job, target(".seg.nrrd"))?;
            nrrd::write_segmentation(&path, mask, &SegmentationInfo { status: status(content), provenance: content.provenance.clone() })
                .map_err(said)?;
            let read = nrrd::read_labels(&path, &ReadOptions::default()).map_err(said)?;
            one(path, Some(same(&read.labels, mask)))
        }
        ExportKind::Stl | ExportKind::Ply => {
            let mut files = Vec::new();
            for mesh in meshes(content, surfaces) {
                let ending = if kind == ExportKind::Stl { "stl" } else { "ply" };
                let path = free(job, target(&format!("_{}.{ending}", file_word(mesh.name))))?;
                if kind == ExportKind::Stl { write_stl(&path, &mesh) } else { write_ply(&path, &[mesh]) }.map_err(said)?;
                files.push(finished(kind, path, None)?);
            }
            if files.is_empty() { Err("the mask is empty, so there is no surface to write".to_owned()) } else { Ok(files) }
        }
        ExportKind::Obj => {
            let path = free(job, target(".obj"))?;
            write_obj(&path, &meshes(content, surfaces)).map_err(said)?;
            one(path, None)
        }
        ExportKind::Csv => {
            let path = free(job, target("_statistics.csv"))?;
            let rows = rows(content);
            write_structures_csv(&path, &[table(job, content, &rows)]).map_err(said)?;
            one(path, None)
        }
        ExportKind::Json => {
            let path = free(job, target("_statistics.json"))?;
            let rows = rows(content);
            write_structures_json(&path, &[table(job, content, &rows)]).map_err(said)?;
            one(path, None)
        }
        ExportKind::ItkSnapLabels | ExportKind::SlicerColors => {
            let (ending, form) =
                if kind == ExportKind::ItkSnapLabels { ("_labels.txt", TableKind::ItkSnap) } else { ("_colors.ctbl", TableKind::Slicer) };
            let path = free(job, target(ending))?;
            label_table::write(&path, form, &mask.table).map_err(said)?;
            let (_, read) = label_table::read(&path).map_err(said)?;
            let told = |table: &LabelTable| table.iter().map(|label| (label.value, label.color)).collect::<Vec<_>>();
            one(path, Some(told(&read) == told(&mask.table)))
        }
        ExportKind::Report => {
            let path = free(job, target("_report.html"))?;
            write_page(job, content, &path)?;
            one(path, None)
        }
    }
}

fn said(error: FormatError) -> String {
    error.to_string()
}

/// A file that is there is replaced only when asked for.
fn free(job: &ExportJob, path: PathBuf) -> Result<PathBuf, String> {
    if path.exists() && !job.overwrite {
        return Err(format!("there is already a file of this name: {}", path.display()));
    }
    Ok(path)
}

fn finished(kind: ExportKind, path: PathBuf, verified: Option<bool>) -> Result<ExportedFile, String> {
    let bytes = fs::metadata(&path).map_err(|error| format!("{error}: {}", path.display()))?.len();
    Ok(ExportedFile { kind, path, bytes, verified })
}

/// Whether a mask came back voxel by voxel, in its place.
fn same(read: &LabelMap, written: &LabelMap) -> bool {
    const SAME_PLACE_MM: f64 = 0.01;
    let size = written.geometry.size_zyx;
    read.geometry.same_place(&written.geometry, SAME_PLACE_MM)
        && ndarray::indices(size).into_iter().all(|(z, y, x)| read.voxels.at([z, y, x]) == written.voxels.at([z, y, x]))
}

/// The affine of a NIfTI source, so that the mask's is the same bit by bit.
fn placement(content: &Content) -> Option<NiftiPlacement> {
    let [path] = content.case.file.source.paths.as_slice() else { return None };
    if path.is_dir() || !nifti::is_nifti(path).ok()? {
        return None;
    }
    let options = OpenOptions { volume: content.case.file.source.volume, ..OpenOptions::default() };
    match open(path, &options).ok()?.source {
        Source::Nifti { placement } => Some(placement),
        _ => None,
    }
}

fn status(content: &Content) -> Vec<(u16, nrrd::Status)> {
    let of = |decision: Decision| match decision {
        Decision::Accepted => nrrd::Status::Completed,
        Decision::Flagged => nrrd::Status::Flagged,
        Decision::Rejected => nrrd::Status::InProgress,
        Decision::Open => nrrd::Status::NotStarted,
    };
    content.review.iter().flat_map(|review| &review.structures).map(|known| (known.value, of(known.decision))).collect()
}

fn meshes<'a>(content: &'a Content, surfaces: &'a [Surface]) -> Vec<MeshView<'a>> {
    let view = |surface: &'a Surface| {
        let label = content.mask.table.get(surface.value)?;
        Some(MeshView { name: &label.name, color: label.color, positions_lps_mm: &surface.positions_lps_mm, triangles: &surface.triangles })
    };
    surfaces.iter().filter_map(view).collect()
}

/// A structure's name as part of a file name.
fn file_word(name: &str) -> String {
    name.chars().map(|letter| if letter.is_alphanumeric() || letter == '-' { letter } else { '_' }).collect()
}

fn rows(content: &Content) -> Vec<StructureRow> {
    let decided = |decision: Decision| match decision {
        Decision::Open => "open",
        Decision::Accepted => "accepted",
        Decision::Rejected => "rejected",
        Decision::Flagged => "flagged",
    };
    content
        .mask
        .table
        .iter()
        .map(|label| {
            let known = content.review.as_ref().and_then(|review| review.structures.iter().find(|known| known.value == label.value));
            StructureRow {
                name: label.name.clone(),
                value: label.value,
                volume_ml: known.map(|known| known.volume_ml),
                mean: known.filter(|known| known.voxels > 0).map(|known| known.mean),
                sd: known.filter(|known| known.voxels > 0).map(|known| known.sd),
                largest_diameter_mm: known.map(|known| known.largest_diameter_mm),
                pieces: known.map(|known| u64::from(known.pieces)),
                cut_by_edge: known.is_some_and(|known| known.cut_by_edge),
                certainty: known.and_then(|known| known.certainty).map(f64::from),
                decision: known.map_or("open", |known| decided(known.decision)).to_owned(),
                note: known.map(|known| known.note.clone()).unwrap_or_default(),
            }
        })
        .collect()
}

fn table<'a>(job: &'a ExportJob, content: &Content, rows: &'a [StructureRow]) -> StructureTable<'a> {
    let intensity_unit = if content.case.file.modality == "CT" { "HU" } else { "" };
    StructureTable { case: &job.stem, intensity_unit, structures: rows }
}

fn write_page(job: &ExportJob, content: &Content, path: &Path) -> Result<(), String> {
    let picture = picture(content)?;
    // People read this one; tables and masks keep the names as they are.
    let mut rows = rows(content);
    rows.iter_mut().for_each(|row| row.name = structure_words(&row.name));
    let warnings: Vec<String> = content.case.file.warnings.iter().map(|notice| notice.text.clone()).collect();
    let created = utc_timestamp(SystemTime::now());
    let report = Report {
        title: &content.case.file.title,
        created: &created,
        table: table(job, content, &rows),
        labels: &content.mask.table,
        pictures: &[Picture { caption: "Axial, coronal and sagittal slices", png: &picture }],
        warnings: &warnings,
        note: &content.case.file.note,
        provenance: &content.provenance,
    };
    write_report(path, &report).map_err(said)
}

/// Three slices with the mask, as the demo draws them.
fn picture(content: &Content) -> Result<Vec<u8>, String> {
    let image = content.case.image().map_err(|failure| failure.sentence)?;
    let size = content.case.file.geometry.size_zyx;
    let voxels = Array3::from_shape_fn(size, |(z, y, x)| image.value([z, y, x]));
    let scan = Scan::new(content.case.file.geometry.clone(), voxels);
    preview::png(&scan, &content.mask, &content.layer_name).map_err(|error| error.to_string())
}
