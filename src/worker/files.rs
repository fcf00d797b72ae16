//! Files a job writes or compares: hashes, sidecars, and whether a target may be written.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use formats::{FormatError, write_atomically};
use jobs::{Failure, FailureKind, Provenance};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::cases::stem;
use crate::failure;

/// SHA-256 of a file, hexadecimal.
pub(crate) fn sha256_of(path: &Path) -> Result<String, FormatError> {
    let hash = || -> io::Result<String> {
        let mut file = File::open(path)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 18];
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
            }
            hash.update(&buffer[..read]);
        }
    };
    hash().map_err(|source| FormatError::io("read", path, source))
}

/// Writes bytes through a temporary file.
pub(crate) fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_atomically(path, |out| out.write_all(bytes)).map_err(|error| failure::writing(&error))
}

/// Writes a value as JSON.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let bytes = serde_json::to_vec_pretty(value).map_err(|error| Failure::new(FailureKind::Internal, error.to_string()))?;
    write_bytes(path, &bytes)
}

/// Creates a folder and its parents.
pub(crate) fn create_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path)
        .map_err(|error| Failure::new(FailureKind::Output, format!("cannot create the folder {}: {error}", path.display())))
}

/// The file beside a mask that says where it comes from: `mask.nii.gz` has `mask.json`.
pub(crate) fn sidecar_of(mask: &Path) -> PathBuf {
    mask.with_file_name(format!("{}.json", stem(mask).unwrap_or_default()))
}

/// The sidecar of a mask, if there is one that reads.
pub(crate) fn read_sidecar(mask: &Path) -> Option<Provenance> {
    serde_json::from_slice(&fs::read(sidecar_of(mask)).ok()?).ok()
}

/// Refuses a NIfTI target before any work is done for it: a wrong name, a folder that cannot be written.
pub(crate) fn check_nifti_target(path: &Path) -> Result<(), Failure> {
    if stem(path).is_none() {
        return Err(Failure::new(FailureKind::Usage, format!("the output's name must end in .nii.gz or .nii: {}", path.display())));
    }
    check_target(path)
}

/// Refuses a target in a folder that is not there or cannot be written, and a target that is a folder.
pub(crate) fn check_target(path: &Path) -> Result<(), Failure> {
    let refuse = |reason: &str| Err(Failure::new(FailureKind::Output, format!("{reason}: {}", path.display())));
    if path.is_dir() {
        return refuse("the output is a folder, a file name is needed");
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return refuse("the output's folder does not exist");
    }
    match tempfile::tempfile_in(folder) {
        Ok(_) => Ok(()),
        Err(error) => refuse(&format!("the output's folder cannot be written ({error})")),
    }
}

/// Refuses to replace a source.
pub(crate) fn check_not_a_source(target: &Path, sources: &[PathBuf]) -> Result<(), Failure> {
    let real = |path: &Path| fs::canonicalize(path).ok();
    if real(target).is_some_and(|target| sources.iter().any(|source| real(source).as_ref() == Some(&target))) {
        let sentence = format!("the output would replace the input; choose another name: {}", target.display());
        return Err(Failure::new(FailureKind::Output, sentence));
    }
    Ok(())
}

/// Refuses to replace a mask that was edited since it was written, and a sidecar that is someone else's.
pub(crate) fn check_mask_untouched(mask: &Path) -> Result<(), Failure> {
    let refuse = |reason: &str, path: &Path| Err(Failure::new(FailureKind::Output, format!("{reason}: {}", path.display())));
    let sidecar = sidecar_of(mask);
    if !sidecar.exists() {
        return Ok(());
    }
    let Some(provenance) = read_sidecar(mask) else {
        return refuse("a file that is not Voxelry's stands where the mask's provenance goes; move it away", &sidecar);
    };
    if mask.exists() && sha256_of(mask).is_ok_and(|sha256| sha256 != provenance.mask_sha256) {
        return refuse("the mask was edited since Voxelry wrote it; move it away or choose another name", mask);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_never_a_target() {
        let folder = tempfile::tempdir().unwrap();
        let scan = folder.path().join("scan.nii.gz");
        fs::write(&scan, b"x").unwrap();
        let same = folder.path().join(".").join("scan.nii.gz");
        assert!(check_not_a_source(&same, std::slice::from_ref(&scan)).unwrap_err().sentence.contains("replace the input"));
        assert_eq!(check_not_a_source(&folder.path().join("mask.nii.gz"), &[scan]), Ok(()));
    }

    #[test]
    fn foreign_sidecars_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mask = folder.path().join("mask.nii.gz");
        fs::write(folder.path().join("mask.json"), br#"{"RepetitionTime": 2.0}"#).unwrap();
        assert!(check_mask_untouched(&mask).unwrap_err().sentence.contains("not Voxelry's"));
    }

    #[test]
    fn targets_are_checked_before_work() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(check_nifti_target(&folder.path().join("a.png")).unwrap_err().kind, FailureKind::Usage);
        assert_eq!(check_nifti_target(&folder.path().join("no/a.nii.gz")).unwrap_err().kind, FailureKind::Output);
        assert_eq!(check_nifti_target(&folder.path().join("a.nii.gz")), Ok(()));
    }

    #[test]
    fn hashes_are_sha256() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        fs::write(&path, b"abc").unwrap();
        assert_eq!(sha256_of(&path).unwrap(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
