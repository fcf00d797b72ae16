//! Writes phantoms to disk: a training set for nnU-Net, or DICOM studies with their truth.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, ValueEnum};
use formats::{dicom, nifti};
use phantom::{Phantom, Shape, Structure};
use volume::Volume;

/// Synthetic CT studies of an upper abdomen with known truth.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// First seed; the others follow.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of phantoms.
    #[arg(long, default_value_t = 1)]
    count: u64,
    /// Folder to write into.
    #[arg(long)]
    out: PathBuf,
    /// nifti: imagesTr, labelsTr and dataset.json as nnU-Net wants them. dicom: a series `ct` and `truth.nii.gz` per study.
    #[arg(long, value_enum, default_value_t = Format::Nifti)]
    format: Format,
    /// Voxels along z,y,x.
    #[arg(long, value_parser = triple::<usize>, default_value = "64,128,128")]
    size: [usize; 3],
    /// Voxel spacing along z,y,x in millimetres.
    #[arg(long, value_parser = triple::<f64>, default_value = "4,2.5,2.5")]
    spacing: [f64; 3],
    /// Rotation of the grid about the patient's x,y,z axes in degrees.
    #[arg(long, value_parser = triple::<f64>, default_value = "0,0,0", allow_hyphen_values = true)]
    tilt: [f64; 3],
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Nifti,
    Dicom,
}

fn triple<T: std::str::FromStr>(text: &str) -> Result<[T; 3], String> {
    let numbers: Option<Vec<T>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
    numbers.and_then(|numbers| numbers.try_into().ok()).ok_or_else(|| "three numbers with commas between them are needed".to_owned())
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let shape = Shape { size_zyx: arguments.size, spacing_zyx_mm: arguments.spacing, tilt_xyz_deg: arguments.tilt };
    shape.geometry().check()?;
    ensure!(arguments.seed.checked_add(arguments.count).is_some(), "--seed plus --count is too large");
    for seed in arguments.seed..arguments.seed + arguments.count {
        let phantom = Phantom::new(seed, &shape);
        let name = format!("phantom_{seed:04}");
        match arguments.format {
            Format::Nifti => write_training_case(&arguments.out, &name, &phantom)?,
            Format::Dicom if arguments.count == 1 => write_study(&arguments.out, &name, &phantom)?,
            Format::Dicom => write_study(&arguments.out.join(&name), &name, &phantom)?,
        }
    }
    if arguments.format == Format::Nifti {
        write_dataset(&arguments.out, arguments.count)?;
    }
    Ok(())
}

fn hounsfield(phantom: &Phantom) -> Volume<i16> {
    Volume::new(phantom.scan.geometry.clone(), phantom.scan.voxels.mapv(|hu| hu as i16))
}

fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

fn write_training_case(out: &Path, name: &str, phantom: &Phantom) -> Result<()> {
    let (images, labels) = (out.join("imagesTr"), out.join("labelsTr"));
    create(&images)?;
    create(&labels)?;
    nifti::write_i16(&images.join(format!("{name}_0000.nii.gz")), &hounsfield(phantom), None)?;
    nifti::write_labels(&labels.join(format!("{name}.nii.gz")), &phantom.truth, None)?;
    Ok(())
}

fn write_study(folder: &Path, name: &str, phantom: &Phantom) -> Result<()> {
    create(folder)?;
    let scan = hounsfield(phantom);
    dicom::write_series(&folder.join("ct"), scan.voxels.view(), &scan.geometry, &dicom::SeriesTags::synthetic(name, "CT"))?;
    nifti::write_labels(&folder.join("truth.nii.gz"), &phantom.truth, None)?;
    Ok(())
}

/// nnU-Net's description of the training set (`documentation/dataset_format.md`).
fn write_dataset(out: &Path, count: u64) -> Result<()> {
    let background = ("background".to_owned(), 0.into());
    let structures = Structure::ALL.map(|structure| (structure.name().to_owned(), structure.value().into()));
    let labels: serde_json::Map<String, serde_json::Value> = std::iter::once(background).chain(structures).collect();
    let dataset = serde_json::json!({
        "channel_names": { "0": "CT" },
        "labels": labels,
        "numTraining": count,
        "file_ending": ".nii.gz",
    });
    formats::write_atomically(&out.join("dataset.json"), |file| Ok(serde_json::to_writer_pretty(file, &dataset)?))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use formats::study::{OpenOptions, open};

    fn tiny() -> Phantom {
        Phantom::new(2, &Shape { size_zyx: [6, 20, 24], spacing_zyx_mm: [30.0, 14.0, 12.0], tilt_xyz_deg: [3.0, -2.0, 4.0] })
    }

    #[test]
    fn a_study_reads_back_as_it_was_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let phantom = tiny();
        write_study(folder.path(), "phantom_0002", &phantom).unwrap();
        let study = open(&folder.path().join("ct"), &OpenOptions::default()).unwrap();
        assert_eq!(study.scan.voxels, phantom.scan.voxels);
        assert!(study.scan.geometry.same_place(&phantom.scan.geometry, 1e-3));
        assert!(study.warnings.is_empty(), "{:?}", study.warnings);
        let truth = nifti::read_labels(&folder.path().join("truth.nii.gz"), &nifti::ReadOptions::default()).unwrap();
        assert_eq!(truth.voxels, phantom.truth.voxels);
        assert!(truth.geometry.same_place(&phantom.scan.geometry, 1e-3));
    }

    #[test]
    fn a_training_set_has_the_names_nnunet_looks_for() {
        let folder = tempfile::tempdir().unwrap();
        write_training_case(folder.path(), "phantom_0002", &tiny()).unwrap();
        write_dataset(folder.path(), 1).unwrap();
        let image = open(&folder.path().join("imagesTr/phantom_0002_0000.nii.gz"), &OpenOptions::default()).unwrap();
        assert_eq!(image.scan.voxels, tiny().scan.voxels);
        assert!(folder.path().join("labelsTr/phantom_0002.nii.gz").is_file());
        let dataset: serde_json::Value = serde_json::from_slice(&fs::read(folder.path().join("dataset.json")).unwrap()).unwrap();
        assert_eq!(dataset["labels"]["liver_lesion"], 2);
    }

    #[test]
    fn triples_are_three_numbers() {
        assert_eq!(triple::<f64>("4, 2.5,-1"), Ok([4.0, 2.5, -1.0]));
        assert!(triple::<usize>("4,2").is_err());
        assert!(triple::<usize>("4,2,-1").is_err());
    }
}
