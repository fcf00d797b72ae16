//! Running the program and making small real files for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use formats::nifti;
use ndarray::Array3;
use volume::{Geometry, LabelMap, Scan};

/// How a run of the program ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Fails the test unless the run succeeded.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "stderr: {}\nstdout: {}", self.stderr, self.stdout);
        self
    }

    /// Standard output as one JSON document.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}\n{}", self.stdout, self.stderr))
    }

    /// The first line of standard error.
    pub(crate) fn reason(&self) -> &str {
        self.stderr.lines().next().unwrap_or_default()
    }
}

/// Runs the program with arguments.
pub(crate) fn voxelry<A: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = A>) -> Ran {
    run(Command::new(env!("CARGO_BIN_EXE_voxelry")).args(args))
}

/// Runs a command without inherited log settings.
pub(crate) fn run(command: &mut Command) -> Ran {
    // The person's own tuning is neither used nor replaced.
    if !command.get_envs().any(|(name, _)| name == "XDG_CACHE_HOME") {
        command.env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    }
    let output = command.env_remove("RUST_LOG").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A path below `tests/data/golden/e2e`: a study, nnU-Net's model folder and nnU-Net's masks of the study.
pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden/e2e").join(name)
}

/// The golden model folder.
pub(crate) fn golden_model() -> PathBuf {
    golden("model/nnUNetTrainer_MedNeXtV2Tiny__nnUNetPlans__3d_fullres")
}

/// A small oblique scan whose values are all different.
pub(crate) fn small_scan() -> Scan {
    let mut geometry = Geometry::axis_aligned([5, 6, 7], [3.0, 0.75, 0.5]);
    geometry.origin_lps_mm = glam::DVec3::new(-12.25, 40.5, -310.0);
    geometry.direction = glam::DMat3::from_rotation_z(0.2) * glam::DMat3::from_rotation_x(0.1);
    let voxels = Array3::from_shape_fn(geometry.size_zyx, |(z, y, x)| (z * 42 + y * 7 + x) as f32 - 100.0);
    Scan::new(geometry, voxels)
}

/// Writes [`small_scan`].
pub(crate) fn write_small_scan(path: &Path) {
    nifti::write_scan(path, &small_scan(), None).unwrap();
}

/// Reads a mask.
pub(crate) fn read_mask(path: &Path) -> LabelMap {
    nifti::read_labels(path, &nifti::ReadOptions::default()).unwrap()
}

/// Share of voxels with equal labels.
pub(crate) fn agreement(a: &LabelMap, b: &LabelMap) -> f64 {
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    a.voxels.for_each(|value| of_a.push(value));
    b.voxels.for_each(|value| of_b.push(value));
    assert_eq!(of_a.len(), of_b.len());
    of_a.iter().zip(&of_b).filter(|(a, b)| a == b).count() as f64 / of_a.len() as f64
}

/// Names in a folder, sorted.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A patient's name, which nothing but a DICOM file may ever hold.
pub(crate) const PATIENT: &str = "MUSTERMANN^ERIKA";

/// Writes an axial CT series, numbered as its UID ends, of 6 x 5 pixels with stored values `1000 + 30 z + 5 row + column` and rescale intercept -1024.
pub(crate) fn write_ct_series(folder: &Path, series_uid: &str, slices: usize) {
    fs::create_dir_all(folder).unwrap();
    for z in 0..slices {
        let name = format!("{series_uid}.{z}.dcm");
        fs::write(folder.join(name), ct_slice(series_uid, z)).unwrap();
    }
}

/// One slice: PS3.10 file meta and an explicit VR little endian data set.
fn ct_slice(series_uid: &str, z: usize) -> Vec<u8> {
    const CT_IMAGE_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.2";
    const EXPLICIT_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1";
    let sop = format!("{series_uid}.{}", z + 1);
    let mut meta = Vec::new();
    element(&mut meta, 0x0002, 0x0001, "OB", &[0, 1]);
    element(&mut meta, 0x0002, 0x0002, "UI", CT_IMAGE_STORAGE.as_bytes());
    element(&mut meta, 0x0002, 0x0003, "UI", sop.as_bytes());
    element(&mut meta, 0x0002, 0x0010, "UI", EXPLICIT_LITTLE_ENDIAN.as_bytes());
    element(&mut meta, 0x0002, 0x0012, "UI", b"1.2.826.0.1.3680043.9.9999.1");

    let mut file = vec![0; 128];
    file.extend(b"DICM");
    element(&mut file, 0x0002, 0x0000, "UL", &(meta.len() as u32).to_le_bytes());
    file.extend(meta);
    let series_number = series_uid.rsplit('.').next().unwrap();
    let position = format!("-10\\20\\{}", 100.0 + 2.5 * z as f64);
    let pixels: Vec<u8> = (0..30).flat_map(|i| ((1000 + 30 * z + i) as u16).to_le_bytes()).collect();
    let text = [
        (0x0008, 0x0016, "UI", CT_IMAGE_STORAGE),
        (0x0008, 0x0018, "UI", &sop),
        (0x0008, 0x0060, "CS", "CT"),
        (0x0008, 0x103E, "LO", "Thorax 2.5 mm"),
        (0x0010, 0x0010, "PN", PATIENT),
        (0x0010, 0x0020, "LO", PATIENT),
        (0x0018, 0x0050, "DS", "2.5"),
        (0x0020, 0x000D, "UI", "1.2.826.0.1.3680043.9.9999.2"),
        (0x0020, 0x000E, "UI", series_uid),
        (0x0020, 0x0011, "IS", series_number),
        (0x0020, 0x0013, "IS", &(z + 1).to_string()),
        (0x0020, 0x0032, "DS", &position),
        (0x0020, 0x0037, "DS", "1\\0\\0\\0\\1\\0"),
        (0x0020, 0x0052, "UI", "1.2.826.0.1.3680043.9.9999.3"),
    ];
    text.into_iter().for_each(|(group, number, vr, value)| element(&mut file, group, number, vr, value.as_bytes()));
    element(&mut file, 0x0028, 0x0002, "US", &1_u16.to_le_bytes());
    element(&mut file, 0x0028, 0x0004, "CS", b"MONOCHROME2");
    element(&mut file, 0x0028, 0x0010, "US", &6_u16.to_le_bytes());
    element(&mut file, 0x0028, 0x0011, "US", &5_u16.to_le_bytes());
    element(&mut file, 0x0028, 0x0030, "DS", b"0.75\\0.5");
    for (number, value) in [(0x0100, 16_u16), (0x0101, 16), (0x0102, 15), (0x0103, 0)] {
        element(&mut file, 0x0028, number, "US", &value.to_le_bytes());
    }
    element(&mut file, 0x0028, 0x1052, "DS", b"-1024");
    element(&mut file, 0x0028, 0x1053, "DS", b"1");
    element(&mut file, 0x7FE0, 0x0010, "OW", &pixels);
    file
}

/// One data element (PS3.5 7.1.2), padded to even length.
fn element(out: &mut Vec<u8>, group: u16, number: u16, vr: &str, value: &[u8]) {
    let padded = value.len().next_multiple_of(2);
    out.extend(group.to_le_bytes());
    out.extend(number.to_le_bytes());
    out.extend(vr.as_bytes());
    if matches!(vr, "OB" | "OW") {
        out.extend([0, 0]);
        out.extend((padded as u32).to_le_bytes());
    } else {
        out.extend((padded as u16).to_le_bytes());
    }
    out.extend(value);
    out.resize(out.len() + padded - value.len(), if vr == "UI" || vr == "OB" { 0 } else { b' ' });
}
