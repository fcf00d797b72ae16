//! Opening whatever a user points at: a NIfTI or NRRD file, a DICOM file or a folder of them.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use volume::Scan;

use crate::error::model_instead_of_scan;
use crate::nifti::{self, DEFAULT_BUDGET_BYTES, NiftiPlacement, ReadOptions};
use crate::{FormatError, Warning, dicom, nrrd};

/// What to take from a file or folder that holds more than one volume, and how much memory it may cost.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Which DICOM series: its number, its UID, or the end of its UID.
    pub series: Option<String>,
    /// Which volume of a 4D NIfTI or NRRD file, counted from 0.
    pub volume: Option<usize>,
    /// The most memory the voxels may take.
    pub budget_bytes: u64,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { series: None, volume: None, budget_bytes: DEFAULT_BUDGET_BYTES }
    }
}

/// A scan with its doubts and its origin.
#[derive(Debug, Clone)]
pub struct Study {
    /// Voxels and place.
    pub scan: Scan,
    /// What is doubtful.
    pub warnings: Vec<Warning>,
    /// Where it came from, as far as outputs need it.
    pub source: Source,
}

/// What a result must refer to or copy.
#[derive(Debug, Clone)]
pub enum Source {
    /// A NIfTI file.
    Nifti {
        /// Copied into masks, so that their affine is the source's bit by bit.
        placement: NiftiPlacement,
    },
    /// A NRRD file.
    Nrrd {
        /// The file, and the data file of a detached header.
        files: Vec<PathBuf>,
    },
    /// A DICOM series.
    Dicom {
        /// SeriesInstanceUID.
        series_uid: String,
        /// CT, MR, ...
        modality: String,
        /// SOPInstanceUID of each slice along z.
        sop_instance_uids: Vec<String>,
    },
}

/// Opens a scan by content; the name decides only what to say about a file whose content is damaged.
pub fn open(path: &Path, options: &OpenOptions) -> Result<Study, FormatError> {
    let about = fs::metadata(path).map_err(|source| FormatError::io("read", path, source))?;
    if about.is_dir() {
        open_dicom(path, options)
    } else if nifti::is_nifti(path)? {
        open_nifti(path, options)
    } else if nrrd::is_nrrd(path)? {
        open_nrrd(path, options)
    } else if dicom::looks_like_dicom(path) {
        open_dicom(path, options)
    } else if nifti::is_nifti_name(path) {
        open_nifti(path, options)
    } else if nrrd::is_nrrd_name(path) {
        open_nrrd(path, options)
    } else {
        let reason = "not a scan; Voxelry reads NIfTI (.nii, .nii.gz, .hdr with .img), NRRD (.nrrd, .nhdr) and DICOM (files or folders)";
        Err(model_instead_of_scan(path).unwrap_or_else(|| FormatError::invalid(path, reason)))
    }
}

fn open_dicom(path: &Path, options: &OpenOptions) -> Result<Study, FormatError> {
    let read = dicom::read(path, options.series.as_deref(), options.budget_bytes)?;
    let source = Source::Dicom { series_uid: read.series.uid, modality: read.series.modality, sop_instance_uids: read.sop_instance_uids };
    Ok(Study { scan: read.scan, warnings: read.warnings, source })
}

fn open_nifti(path: &Path, options: &OpenOptions) -> Result<Study, FormatError> {
    let options = ReadOptions { volume: options.volume, budget_bytes: options.budget_bytes };
    let loaded = nifti::read_scan(path, &options)?;
    Ok(Study { scan: loaded.scan, warnings: loaded.warnings, source: Source::Nifti { placement: loaded.placement } })
}

fn open_nrrd(path: &Path, options: &OpenOptions) -> Result<Study, FormatError> {
    let options = ReadOptions { volume: options.volume, budget_bytes: options.budget_bytes };
    let loaded = nrrd::read_scan(path, &options)?;
    Ok(Study { scan: loaded.scan, warnings: loaded.warnings, source: Source::Nrrd { files: nrrd::files_of(path)? } })
}

/// Opens the channels of one case, in order; all must lie on the same grid. The memory budget is for all of them.
pub fn open_channels(paths: &[PathBuf], options: &OpenOptions) -> Result<Vec<Study>, FormatError> {
    refuse_loose_slices(paths)?;
    let mut left = options.clone();
    let mut studies: Vec<Study> = Vec::with_capacity(paths.len());
    for path in paths {
        let study = open(path, &left)?;
        if let Some(first) = studies.first() {
            check_same_grid(&paths[0], &first.scan, path, &study.scan)?;
        }
        left.budget_bytes = left.budget_bytes.saturating_sub(size_of_val(study.scan.voxels.as_slice().unwrap_or_default()) as u64);
        studies.push(study);
    }
    Ok(studies)
}

/// Single slices of one series are no channels: someone gave `*.dcm` where the folder was meant.
fn refuse_loose_slices(paths: &[PathBuf]) -> Result<(), FormatError> {
    let mut seen = HashSet::new();
    for path in paths.iter().filter(|path| paths.len() > 1 && path.is_file()) {
        let Ok(scanned) = dicom::scan(path) else { continue };
        if scanned.series.into_iter().any(|series| series.slices == 1 && !seen.insert(series.uid)) {
            let reason = "this is one slice of a series; give the folder that holds the slices instead of the single files";
            return Err(FormatError::invalid(path, reason));
        }
    }
    Ok(())
}

/// nnU-Net stops at different sizes and only warns of different places; channels that do not overlay are refused here.
const SAME_PLACE_MM: f64 = 0.1;

fn check_same_grid(first_path: &Path, first: &Scan, path: &Path, scan: &Scan) -> Result<(), FormatError> {
    let first_name = first_path.display();
    let (wanted, found) = (first.geometry.size_zyx, scan.geometry.size_zyx);
    if wanted != found {
        return Err(FormatError::invalid(
            path,
            format!(
                "this channel has {found:?} voxels (z, y, x), the first one, {first_name}, has {wanted:?}; resample one onto the other"
            ),
        ));
    }
    if !first.geometry.same_place(&scan.geometry, SAME_PLACE_MM) {
        return Err(FormatError::invalid(
            path,
            format!("this channel does not lie where the first one, {first_name}, does; resample one onto the other"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nifti::write_scan;
    use ndarray::Array3;
    use volume::Geometry;

    fn channel(folder: &Path, name: &str, geometry: &Geometry, value: f32) -> PathBuf {
        let path = folder.join(name);
        write_scan(&path, &Scan::new(geometry.clone(), Array3::from_elem(geometry.size_zyx, value)), None).unwrap();
        path
    }

    #[test]
    fn content_decides_what_a_file_is() {
        let folder = tempfile::tempdir().unwrap();
        let written = channel(folder.path(), "scan.nii.gz", &Geometry::axis_aligned([2, 3, 4], [1.0; 3]), 5.0);
        let misnamed = folder.path().join("scan.dcm");
        fs::rename(written, &misnamed).unwrap();
        let study = open(&misnamed, &OpenOptions::default()).unwrap();
        assert_eq!(study.scan.voxels[[1, 2, 3]], 5.0);
        assert!(matches!(study.source, Source::Nifti { .. }));
    }

    #[test]
    fn nrrd_is_opened_by_content_or_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let header = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 1 1\nspace: RAS\nspace directions: (1,0,0) (0,1,0) (0,0,1)\n\
                      space origin: (5,6,7)\nencoding: raw\n";
        let attached = folder.path().join("misnamed.dcm");
        fs::write(&attached, format!("{header}\n\x03\x04")).unwrap();
        let study = open(&attached, &OpenOptions::default()).unwrap();
        assert_eq!(study.scan.voxels.as_slice().unwrap(), [3.0, 4.0]);
        assert_eq!(study.scan.geometry.origin_lps_mm.to_array(), [-5.0, -6.0, 7.0]);
        assert!(study.warnings.is_empty());
        let detached = folder.path().join("scan.nhdr");
        fs::write(&detached, format!("{header}data file: scan.raw\n")).unwrap();
        fs::write(folder.path().join("scan.raw"), [9, 8]).unwrap();
        let Source::Nrrd { files } = open(&detached, &OpenOptions::default()).unwrap().source else { panic!("not opened as NRRD") };
        assert_eq!(files, [detached, folder.path().join("scan.raw")]);
        let damaged = folder.path().join("damaged.NRRD");
        fs::write(&damaged, b"MRRD0004\n").unwrap();
        let refused = open(&damaged, &OpenOptions::default()).unwrap_err().to_string();
        assert!(refused.contains("not a NRRD file"), "{refused}");
    }

    #[test]
    fn a_folder_or_a_file_of_dicom_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let geometry = Geometry::axis_aligned([3, 4, 5], [2.0, 1.0, 1.0]);
        let tags = dicom::SeriesTags::synthetic("study-test", "CT");
        dicom::write_series(folder.path(), Array3::from_elem([3, 4, 5], 7_i16).view(), &geometry, &tags).unwrap();
        let study = open(folder.path(), &OpenOptions::default()).unwrap();
        assert_eq!((study.scan.voxels.dim(), study.scan.voxels[[2, 3, 4]]), ((3, 4, 5), 7.0));
        let Source::Dicom { modality, sop_instance_uids, .. } = study.source else { panic!("not opened as DICOM") };
        assert_eq!((modality.as_str(), sop_instance_uids.len()), ("CT", 3));
        let slice = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        assert_eq!(open(&slice, &OpenOptions::default()).unwrap().scan.geometry.size_zyx, [1, 4, 5]);
    }

    #[test]
    fn single_slices_are_no_channels() {
        let folder = tempfile::tempdir().unwrap();
        let geometry = Geometry::axis_aligned([3, 4, 5], [2.0, 1.0, 1.0]);
        let tags = dicom::SeriesTags::synthetic("study-test", "CT");
        dicom::write_series(&folder.path().join("ct"), Array3::from_elem([3, 4, 5], 7_i16).view(), &geometry, &tags).unwrap();
        let slices: Vec<PathBuf> = fs::read_dir(folder.path().join("ct")).unwrap().map(|entry| entry.unwrap().path()).collect();
        let refused = open_channels(&slices, &OpenOptions::default()).unwrap_err().to_string();
        assert!(refused.contains("give the folder that holds the slices instead of the single files"), "{refused}");
        assert!(open_channels(&slices[..1], &OpenOptions::default()).is_ok());
    }

    #[test]
    fn a_model_is_told_from_a_scan() {
        let folder = tempfile::tempdir().unwrap();
        for (name, start) in [
            ("m.safetensors", &b"\x40\0\0\0\0\0\0\0{\"a\":{}}"[..]),
            ("checkpoint_final.pth", b"PK\x03\x04"),
            ("m.PT", b"\x08\0\x08\0\x04\0\0\0abcd"),
        ] {
            let path = folder.path().join(name);
            fs::write(&path, [start, &[0; 300]].concat()).unwrap();
            let refusals = [open(&path, &OpenOptions::default()).unwrap_err(), dicom::scan(&path).unwrap_err()];
            for refused in refusals.map(|refused| refused.to_string()) {
                assert!(refused.contains("this looks like a model, not a scan") && refused.ends_with(name), "{refused}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("notes.txt");
        fs::write(&text, "no scan in here").unwrap();
        let refused = open(&text, &OpenOptions::default()).unwrap_err().to_string();
        assert!(refused.contains("NIfTI") && refused.contains("DICOM") && refused.contains("notes.txt"), "{refused}");
        let absent = open(&folder.path().join("absent.nii"), &OpenOptions::default());
        assert!(matches!(absent, Err(FormatError::NotFound(_))));
        let empty = folder.path().join("empty.nii.gz");
        fs::write(&empty, []).unwrap();
        let cut = open(&empty, &OpenOptions::default()).unwrap_err().to_string();
        assert!(cut.contains("not a NIfTI header"), "{cut}");
    }

    #[test]
    fn channels_must_lie_on_one_grid() {
        let folder = tempfile::tempdir().unwrap();
        let grid = Geometry::axis_aligned([4, 5, 6], [1.0; 3]);
        let first = channel(folder.path(), "t1.nii.gz", &grid, 1.0);
        let second = channel(folder.path(), "t2.nii.gz", &grid, 2.0);
        let mut moved = grid.clone();
        moved.origin_lps_mm.x = 0.2;
        let moved = channel(folder.path(), "moved.nii.gz", &moved, 3.0);
        let smaller = channel(folder.path(), "smaller.nii.gz", &Geometry::axis_aligned([4, 5, 5], [1.0; 3]), 4.0);

        let options = OpenOptions::default();
        let studies = open_channels(&[first.clone(), second.clone()], &options).unwrap();
        assert_eq!(studies.iter().map(|study| study.scan.voxels[[0, 0, 0]]).collect::<Vec<_>>(), [1.0, 2.0]);
        for odd in [moved, smaller] {
            let refused = open_channels(&[first.clone(), odd.clone()], &options).unwrap_err().to_string();
            let names = |path: &Path| refused.contains(&path.display().to_string());
            assert!(names(&first) && names(&odd), "{refused}");
        }
        // 120 voxels of 4 bytes per channel: one fits, two do not.
        let tight = OpenOptions { budget_bytes: 900, ..options };
        assert!(open_channels(std::slice::from_ref(&first), &tight).is_ok());
        assert!(matches!(open_channels(&[first, second], &tight), Err(FormatError::TooLarge { .. })));
    }
}
