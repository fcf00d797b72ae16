//! Files a job writes or compares: hashes, sidecars, and whether a target may be written.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use formats::{FormatError, write_atomically};
use jobs::{Failure, FailureKind, Provenance};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tempfile::TempPath;

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
    let mut name = stem(mask).unwrap_or_default().to_owned();
    name.push(".json");
    mask.with_file_name(name)
}

/// The sidecar of a mask, if there is one that reads.
pub(crate) fn read_sidecar(mask: &Path) -> Option<Provenance> {
    serde_json::from_slice(&fs::read(sidecar_of(mask)).ok()?).ok()
}

/// The folder a file lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
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
    let folder = folder_of(path);
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

/// What may happen to a file that stands where a result goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It stays; the job has no `--overwrite`.
    Keep,
    /// It stays unless the user asks again with `--overwrite`.
    KeepUnlessAsked,
    /// The user asked.
    Replace,
}

impl Existing {
    /// From `--overwrite`.
    pub(crate) fn from_flag(overwrite: bool) -> Self {
        if overwrite { Self::Replace } else { Self::KeepUnlessAsked }
    }

    fn refuse(self, reason: &str, path: &Path) -> Result<(), Failure> {
        let way_out = match self {
            Self::Replace => return Ok(()),
            Self::KeepUnlessAsked => "move it away, choose another name or give --overwrite",
            Self::Keep => "move it away or choose another name",
        };
        Err(Failure::new(FailureKind::Output, format!("{reason}; {way_out}: {}", path.display())))
    }
}

/// Refuses to replace any file that is there.
pub(crate) fn check_absent(path: &Path, existing: Existing) -> Result<(), Failure> {
    if path.exists() { existing.refuse("the output already exists", path) } else { Ok(()) }
}

/// Refuses to replace a mask that Voxelry cannot prove it wrote, and a sidecar that is someone else's.
pub(crate) fn check_mask_replaceable(mask: &Path, existing: Existing) -> Result<(), Failure> {
    let sidecar = sidecar_of(mask);
    if let Some(twin) = twin_of(mask) {
        let sentence = format!(
            "a file of the same name with another ending is there, and both would share {}; move it away or choose another name: {}",
            sidecar.display(),
            twin.display()
        );
        return Err(Failure::new(FailureKind::Output, sentence));
    }
    let provenance = read_sidecar(mask);
    if provenance.is_none() && sidecar.exists() {
        return Existing::Keep.refuse("a file that is not Voxelry's stands where the mask's provenance goes", &sidecar);
    }
    if !mask.exists() {
        return Ok(());
    }
    let Some(provenance) = provenance else {
        return existing.refuse("the mask already exists and was not written by Voxelry", mask);
    };
    let sha256 = sha256_of(mask).map_err(|error| failure::writing(&error))?;
    if provenance.wrote(&sha256) { Ok(()) } else { existing.refuse("the mask was edited since Voxelry wrote it", mask) }
}

/// `mask.nii` beside `mask.nii.gz` and the other way round.
fn twin_of(mask: &Path) -> Option<PathBuf> {
    let stem = stem(mask)?;
    let is_gzip = mask.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
    let mut name = stem.to_owned();
    name.push(if is_gzip { ".nii" } else { ".nii.gz" });
    Some(mask.with_file_name(name)).filter(|twin| twin.exists())
}

/// A mask that is whole on disk beside its final place.
pub(crate) struct PendingMask {
    file: TempPath,
    /// SHA-256 of its content.
    pub(crate) sha256: String,
    /// SHA-256 of Voxelry's own mask that stands at its place.
    pub(crate) replaces_sha256: Option<String>,
}

impl PendingMask {
    /// Lets `write` write the mask to a temporary name in the folder of `target`.
    pub(crate) fn write(target: &Path, write: impl FnOnce(&Path) -> Result<(), FormatError>) -> Result<Self, Failure> {
        let ending = if target.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz")) { ".nii.gz" } else { ".nii" };
        let temporary = tempfile::Builder::new().prefix(".voxelry-").suffix(ending).tempfile_in(folder_of(target));
        let failed = |error| failure::writing(&FormatError::io("write", target, error));
        let file = temporary.map_err(failed)?.into_temp_path();
        write(&file).map_err(|error| failure::writing(&at_target(error, target)))?;
        let sha256 = sha256_of(&file).map_err(|error| failure::writing(&error))?;
        let own = read_sidecar(target).zip(sha256_of(target).ok()).filter(|(provenance, found)| provenance.wrote(found));
        Ok(Self { file, sha256, replaces_sha256: own.map(|(_, found)| found) })
    }

    /// Writes the sidecar, then puts the mask in its place. The sidecar names old and new content, so that whatever a crash
    /// between the two leaves is known as Voxelry's own.
    pub(crate) fn commit(self, target: &Path, provenance: &Provenance) -> Result<(), Failure> {
        write_json(&sidecar_of(target), provenance)?;
        let put = || -> io::Result<()> {
            self.file.persist(target).map_err(|failed| failed.error)?;
            // The rename is durable only once its folder is on disk.
            if cfg!(unix) { File::open(folder_of(target))?.sync_all() } else { Ok(()) }
        };
        put().map_err(|error| failure::writing(&FormatError::io("write", target, error)))
    }
}

/// People know the target's name, not the temporary one.
fn at_target(error: FormatError, target: &Path) -> FormatError {
    match error {
        FormatError::Io { doing, source, .. } => FormatError::Io { doing, path: target.to_owned(), source },
        other => other,
    }
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
        assert!(check_mask_replaceable(&mask, Existing::Replace).unwrap_err().sentence.contains("not Voxelry's"));
    }

    fn provenance(pending: &PendingMask) -> Provenance {
        let (sha256, replaces) = (&pending.sha256, &pending.replaces_sha256);
        let model = serde_json::json!({"name": "", "sha256": "", "licence": null});
        let parameters = serde_json::json!({"folds": [], "step_size": 0.5, "mirror_axes": []});
        serde_json::from_value(serde_json::json!({
            "software": "", "finished_at": "", "model": model, "parameters": parameters, "device": "", "source": {},
            "warnings": [], "mask_sha256": sha256, "replaces_sha256": replaces, "seconds": 0.0
        }))
        .unwrap()
    }

    fn pending(mask: &Path, content: &[u8]) -> PendingMask {
        PendingMask::write(mask, |path| fs::write(path, content).map_err(|error| FormatError::io("write", path, error))).unwrap()
    }

    #[test]
    fn only_masks_known_to_be_voxelrys_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let mask = folder.path().join("mask.nii.gz");
        let refused = |existing| check_mask_replaceable(&mask, existing).err().map(|failure| failure.sentence).unwrap_or_default();
        fs::write(&mask, b"by hand").unwrap();
        assert!(refused(Existing::KeepUnlessAsked).contains("not written by Voxelry") && refused(Existing::Keep).contains("move it away"));
        assert!(refused(Existing::KeepUnlessAsked).contains("--overwrite") && !refused(Existing::Keep).contains("--overwrite"));
        assert_eq!(refused(Existing::Replace), "");
        assert!(check_absent(&mask, Existing::KeepUnlessAsked).is_err() && check_absent(&mask, Existing::Replace).is_ok());

        let first = pending(&mask, b"first");
        assert_eq!(first.replaces_sha256, None, "a mask made by hand is not Voxelry's own");
        let said = provenance(&first);
        first.commit(&mask, &said).unwrap();
        assert_eq!(refused(Existing::Keep), "");
        fs::write(&mask, b"edited").unwrap();
        assert!(refused(Existing::KeepUnlessAsked).contains("edited"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_crash_between_sidecar_and_mask_is_no_edit() {
        let folder = tempfile::tempdir().unwrap();
        let mask = folder.path().join("mask.nii.gz");
        let first = pending(&mask, b"first");
        let said = provenance(&first);
        first.commit(&mask, &said).unwrap();
        let second = pending(&mask, b"second");
        write_json(&sidecar_of(&mask), &provenance(&second)).unwrap();
        drop(second);
        assert_eq!(fs::read(&mask).unwrap(), b"first");
        assert_eq!(check_mask_replaceable(&mask, Existing::Keep), Ok(()));
        let third = pending(&mask, b"third");
        let said = provenance(&third);
        assert_eq!(said.replaces_sha256, Some(sha256_of(&mask).unwrap()));
        third.commit(&mask, &said).unwrap();
        assert_eq!((fs::read(&mask).unwrap().as_slice(), check_mask_replaceable(&mask, Existing::Keep)), (&b"third"[..], Ok(())));
    }

    #[test]
    fn masks_that_would_share_a_sidecar_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, packed) = (folder.path().join("st.nii"), folder.path().join("st.nii.gz"));
        fs::write(&plain, b"x").unwrap();
        let failure = check_mask_replaceable(&packed, Existing::Replace).unwrap_err();
        assert!(failure.sentence.contains("share") && failure.sentence.ends_with("st.nii"), "{failure}");
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
