//! What people type.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand};
use jobs::{BenchJob, ConvertJob, DemoJob, DoctorJob, GrnReduction, ImportJob, InspectJob, InspectWeightsJob, Job, SegmentJob};

/// Segments 3D medical scans with MedNeXt on any GPU, exactly as nnU-Net v2 would.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print one JSON document on standard output instead of text
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// Log to standard error: -v what happens, -vv details, -vvv everything (or set RUST_LOG)
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
}

const AFTER_HELP: &str = "\
First steps:
  voxelry demo             segment the sample study, see Dice and a picture
  voxelry doctor           see what this machine can run
  voxelry inspect study/   see which series a DICOM folder holds
  voxelry segment -i study/ -m model.safetensors -o mask.nii.gz

Exit codes:
  0 done   2 usage   3 input missing   4 input refused   5 model refused   6 device
  7 output or disk   8 some cases failed   9 a check failed   10 cancelled   1 a bug

Research use only; not a medical device.";

const SEGMENT_HELP: &str = "\
Examples:
  voxelry segment -i ct.nii.gz -m model.safetensors -o mask.nii.gz
  voxelry segment -i study/ --series 3 -m model.safetensors -o mask.nii.gz
  voxelry segment -i t1.nii.gz t2.nii.gz -m model.zip -o mask.nii.gz
  voxelry segment -i imagesTs/ -m nnUNet_results/.../ -o predictions/

A folder of cases holds case_0000.nii.gz, case_0001.nii.gz, ... as in nnU-Net;
the model is loaded once, failures are listed, a rerun skips what is done.
Beside every mask lies a .json with the model's hash, parameters, device,
source and warnings.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Segment a study, or every case of a folder
    #[command(after_help = SEGMENT_HELP)]
    Segment(SegmentArgs),
    /// Segment the sample study and compare with its known truth
    Demo(DemoArgs),
    /// Show devices, limits and what will run; try the kernels
    Doctor(DoctorArgs),
    /// Show what a file or folder holds: series, geometry, warnings
    Inspect {
        /// File or folder
        #[arg(value_name = "FILE-OR-FOLDER")]
        input: PathBuf,
    },
    /// Show what a model holds: network, plan, labels, hash, licence
    InspectWeights {
        /// Model file, nnU-Net results folder, its zip, any .pth or .safetensors
        #[arg(value_name = "MODEL")]
        model: PathBuf,
    },
    /// Turn an nnU-Net model into one .safetensors file (never executes a pickle)
    Import(ImportArgs),
    /// Turn a DICOM folder or any NIfTI file into a .nii.gz
    Convert(ConvertArgs),
    /// Measure how fast a published network runs here, kernel by kernel
    Bench(BenchArgs),
    /// Open the desktop window
    App {
        /// Study to open
        #[arg(value_name = "FILE-OR-FOLDER")]
        input: Option<PathBuf>,
    },
    /// Do jobs given as JSON lines on standard input; the window starts this
    Worker,
}

/// What the program is asked to be.
#[derive(Debug)]
pub(crate) enum Task {
    /// One job, done here.
    Job(Box<Job>),
    /// The desktop window, perhaps with a study.
    App(Option<PathBuf>),
    /// A worker on standard input and output.
    Worker,
}

#[derive(Debug, Args)]
pub(crate) struct SegmentArgs {
    /// A file, one file per channel, a DICOM folder, or a folder of nnU-Net-named cases
    #[arg(short, long, required = true, num_args = 1.., value_name = "IN")]
    input: Vec<PathBuf>,
    /// Model file (.safetensors), nnU-Net results folder, its zip, or one of its checkpoints
    #[arg(short, long, value_name = "MODEL")]
    model: PathBuf,
    /// Mask to write (.nii.gz or .nii); a folder when the input is a folder of cases
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Series of a DICOM folder, as `voxelry inspect` lists them: its number, or its UID or the end of it
    #[arg(long, value_name = "SERIES")]
    series: Option<String>,
    /// Volume of a 4D NIfTI file, counted from 0
    #[arg(long, value_name = "N")]
    volume: Option<usize>,
    /// Folds to average, e.g. 0,1,2 or 0 1 2 [default: all]
    #[arg(short, long, value_delimiter = ',', num_args = 1.., value_name = "N,...", help_heading = "Prediction")]
    folds: Option<Vec<String>>,
    /// Tile step as a fraction of the tile: smaller overlaps more and takes longer
    #[arg(long, default_value_t = 0.5, value_name = "FRACTION", help_heading = "Prediction")]
    step_size: f64,
    /// Do not mirror: up to 8 times faster, slightly less accurate
    #[arg(long, help_heading = "Prediction")]
    disable_tta: bool,
    #[command(flatten)]
    device: DeviceArg,
    /// f32 (exact), f16 (half the memory, differs at faint borders), or auto: f16 only if f32 does not fit the device
    #[arg(long, default_value = "f32", value_name = "TYPE", help_heading = "Prediction")]
    precision: String,
    /// Memory of a graphics device the model may take, in MiB [default: all there is]
    #[arg(long, value_name = "MIB", help_heading = "Prediction")]
    device_memory: Option<u64>,
    /// Also write one float volume per label into OUT_probabilities/
    #[arg(long, help_heading = "Output")]
    save_probabilities: bool,
    /// Replace a mask that Voxelry did not write, or that was edited since
    #[arg(long, help_heading = "Output")]
    overwrite: bool,
}

#[derive(Debug, Args)]
struct DeviceArg {
    /// auto, gpu, gpu:N (N as `voxelry doctor` lists it) or cpu
    #[arg(long, default_value = "auto", help_heading = "Prediction")]
    device: String,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Folder for mask and picture
    #[arg(short, long, default_value = "voxelry-demo", value_name = "DIR")]
    output: PathBuf,
    /// Where sample and model lie [default: beside the program, or its repository]
    #[arg(long, value_name = "DIR")]
    assets: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArg,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    device: DeviceArg,
    /// Measure again what is fastest on the device: takes three seconds, and is done by itself at the first use of a graphics card
    #[arg(long)]
    tune: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// nnU-Net results folder, its zip, or one of its checkpoints
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// The .safetensors to write
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Folder with plans.json and dataset.json, for a checkpoint outside a results folder (MedNeXt v1, a bare state dict)
    #[arg(long, value_name = "DIR")]
    plans: Option<PathBuf>,
    /// Licence of the weights, as their publisher states it
    #[arg(long, alias = "license", value_name = "TEXT")]
    licence: Option<String>,
    /// What the network's GRN was trained to divide by: mean (public code) or sum (paper text), which no checkpoint says
    /// [default: what a model file says, else mean]
    #[arg(long, value_name = "KIND", value_parser = grn_reductions())]
    grn_reduction: Option<GrnReduction>,
}

fn grn_reductions() -> impl clap::builder::TypedValueParser<Value = GrnReduction> {
    PossibleValuesParser::new(["mean", "sum"]).map(|kind| if kind == "sum" { GrnReduction::Sum } else { GrnReduction::Mean })
}

#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// NIfTI file or DICOM folder
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// .nii.gz or .nii to write
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// Replace OUT if it is there already
    #[arg(long)]
    overwrite: bool,
    /// Series of a DICOM folder, as `voxelry inspect` lists them: its number, or its UID or the end of it
    #[arg(long, value_name = "SERIES")]
    series: Option<String>,
    /// Volume of a 4D NIfTI file, counted from 0
    #[arg(long, value_name = "N")]
    volume: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// v1-s, v1-b, v1-m, v1-l, v2-s, v2-b, v2-m, v2-l, or v2-base (the paper's base, v2-l)
    #[arg(long, default_value = "v2-base", value_name = "PRESET")]
    preset: String,
    /// Depthwise kernel edge
    #[arg(long, default_value_t = 3, value_name = "N")]
    kernel: usize,
    /// Channels after the stem
    #[arg(long, default_value_t = 32, value_name = "N")]
    width: usize,
    /// Tile edge, or three edges as Z,Y,X
    #[arg(long, default_value = "64", value_parser = patch, value_name = "N")]
    patch: [usize; 3],
    /// Tiles to measure
    #[arg(long, default_value_t = 3, value_name = "N")]
    repeat: usize,
    /// How activations are stored: f32, or f16 on devices that can
    #[arg(long, default_value = "f32", value_name = "TYPE")]
    precision: String,
    /// Pointwise products: auto (as `segment` chooses), plain, or cooperative (matrix units, even where they are slower)
    #[arg(long, default_value = "auto", value_parser = PossibleValuesParser::new(["auto", "plain", "cooperative"]), value_name = "KIND")]
    gemm: String,
    /// Print what would run, launch by launch, and run nothing
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    device: DeviceArg,
}

/// One edge means a cube.
fn patch(text: &str) -> Result<[usize; 3], String> {
    let edges: Result<Vec<usize>, _> = text.split(',').map(|edge| edge.trim().parse()).collect();
    match edges.as_deref() {
        Ok([edge]) => Ok([*edge; 3]),
        Ok([z, y, x]) => Ok([*z, *y, *x]),
        _ => Err("one edge or three, as 64 or 48,64,64".to_owned()),
    }
}

impl Command {
    /// The job these arguments describe, or the program to become.
    pub(crate) fn into_task(self) -> Task {
        Task::Job(Box::new(match self {
            Self::App { input } => return Task::App(input),
            Self::Worker => return Task::Worker,
            Self::Segment(args) => Job::Segment(SegmentJob {
                inputs: args.input,
                series: args.series,
                volume: args.volume,
                model: args.model,
                output: args.output,
                folds: args.folds,
                step_size: args.step_size,
                disable_tta: args.disable_tta,
                device: args.device.device,
                precision: args.precision,
                device_memory_mib: args.device_memory,
                save_probabilities: args.save_probabilities,
                overwrite: args.overwrite,
            }),
            Self::Demo(args) => Job::Demo(DemoJob { output: args.output, assets: args.assets, device: args.device.device }),
            Self::Doctor(args) => Job::Doctor(DoctorJob { device: args.device.device, tune: args.tune }),
            Self::Inspect { input } => Job::Inspect(InspectJob { input }),
            Self::InspectWeights { model } => Job::InspectWeights(InspectWeightsJob { model }),
            Self::Import(args) => Job::Import(ImportJob {
                input: args.input,
                output: args.output,
                plans: args.plans,
                licence: args.licence,
                grn_reduction: args.grn_reduction,
            }),
            Self::Bench(args) => Job::Bench(BenchJob {
                preset: args.preset,
                kernel: args.kernel,
                width: args.width,
                patch: args.patch,
                precision: args.precision,
                gemm: args.gemm,
                plan: args.plan,
                repeat: args.repeat,
                device: args.device.device,
            }),
            Self::Convert(args) => Job::Convert(ConvertJob {
                input: args.input,
                series: args.series,
                volume: args.volume,
                output: args.output,
                overwrite: args.overwrite,
            }),
        }))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn job_of(cli: Cli) -> Job {
        match cli.command.into_task() {
            Task::Job(job) => *job,
            other => panic!("not a job: {other:?}"),
        }
    }

    #[test]
    fn the_argument_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_grn_reduction_is_chosen_by_name() {
        let chosen = |extra: &[&str]| {
            let cli = Cli::try_parse_from([&["voxelry", "import", "in", "-o", "out.safetensors"], extra].concat())?;
            let Job::Import(job) = job_of(cli) else { panic!("not an import job") };
            Ok::<_, clap::Error>(job.grn_reduction)
        };
        assert_eq!(chosen(&[]).unwrap(), None);
        assert_eq!(chosen(&["--grn-reduction", "mean"]).unwrap(), Some(GrnReduction::Mean));
        assert_eq!(chosen(&["--grn-reduction", "sum"]).unwrap(), Some(GrnReduction::Sum));
        assert!(chosen(&["--grn-reduction", "max"]).is_err());
    }

    #[test]
    fn nnunet_habits_work() {
        let cli = Cli::parse_from(["voxelry", "segment", "-i", "a_0000.nii.gz", "a_0001.nii.gz", "-m", "m", "-o", "o.nii.gz", "-f", "0,2"]);
        let Job::Segment(job) = job_of(cli) else { panic!("not a segment job") };
        assert_eq!(job.inputs.len(), 2);
        assert_eq!(job.folds, Some(vec!["0".to_owned(), "2".to_owned()]));
        let cli = Cli::parse_from(["voxelry", "segment", "-f", "0", "1", "2", "-i", "a.nii", "-m", "m", "-o", "o.nii"]);
        let Job::Segment(spaced) = job_of(cli) else { panic!("not a segment job") };
        assert_eq!(spaced.folds, Some(["0", "1", "2"].map(str::to_owned).to_vec()));
        assert_eq!((job.step_size, job.device.as_str(), job.overwrite), (0.5, "auto", false));
    }
}
