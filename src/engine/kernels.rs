//! The catalogue of kernels: one row per `.wgsl` file, with its constants and uniform block.

use std::fmt;
use std::str::Lines;

use serde::{Deserialize, Serialize};

use crate::matrix::{self, Matrix};
use crate::params;
use crate::plan::Precision;

/// A kernel with its compile-time constants: everything that selects a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// `pointwise.wgsl`
    Pointwise,
    /// `depthwise.wgsl`
    Depthwise {
        /// Edge of the kernel.
        kernel: u32,
        /// 1 or 2.
        stride: u32,
        /// Threads of a workgroup, a power of two.
        threads: u32,
    },
    /// `depthwise_rolling.wgsl` or `depthwise_subgroup.wgsl`, both of stride 1.
    DepthwiseRolling {
        /// Edge of the kernel.
        kernel: u32,
        /// Planes a thread computes one after another.
        run: u32,
        /// Threads of the subgroup that a workgroup is, on software drivers. They load weights together.
        subgroup: Option<u32>,
    },
    /// `depthwise_up.wgsl`
    DepthwiseUp {
        /// Edge of the kernel.
        kernel: u32,
        /// What it leaves.
        leaves: Leaves,
        /// Threads of a workgroup, a power of two.
        threads: u32,
    },
    /// `norm_plane.wgsl`
    NormPlane {
        /// Threads of a workgroup, a power of two.
        threads: u32,
    },
    /// `norm_affine.wgsl`
    NormAffine {
        /// Threads of a workgroup, a power of two.
        threads: u32,
    },
    /// `grn_partial.wgsl`
    GrnPartial(Tile),
    /// `expand.wgsl`, `expand_subgroup.wgsl` or `expand_cooperative.wgsl`
    Expand(Gemm),
    /// `compress.wgsl`, `compress_subgroup.wgsl` or `compress_cooperative.wgsl`
    Compress(Gemm),
    /// `column_sum.wgsl`
    ColumnSum {
        /// Threads of a workgroup, a power of two.
        threads: u32,
    },
    /// `grn_scale.wgsl`
    GrnScale,
    /// `mlp.wgsl`
    Mlp(Tile),
    /// `peak_fma.wgsl`, of benchmarks
    PeakFma,
    /// `peak_copy.wgsl`, of benchmarks
    PeakCopy,
    /// `tile_extract.wgsl`, of the sliding window
    TileExtract,
    /// `tile_accumulate.wgsl`, of the sliding window
    TileAccumulate,
    /// `plane_mean.wgsl`, of the sliding window
    PlaneMean,
    /// `plane_label.wgsl`, of the sliding window
    PlaneLabel {
        /// Whether labels take two bytes instead of one.
        wide: bool,
    },
    /// `plane_features.wgsl`, of the sliding window
    PlaneFeatures,
    /// `plane_head.wgsl`, of the sliding window
    PlaneHead {
        /// Whether labels take two bytes instead of one.
        wide: bool,
    },
}

/// What a pass wants of a depthwise result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Leaves {
    /// The result.
    Values,
    /// Its statistics.
    Moments,
    /// Both.
    Both,
}

/// Shape of the work one workgroup of a tiled kernel does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tile {
    /// Groups of four channels of the input.
    pub in4: u32,
    /// Voxels per tile, a power of two up to 64.
    pub voxels: u32,
    /// `mlp`: groups of four hidden channels held at once. `grn_partial`: thread groups that share a tile's voxels.
    pub split: u32,
    /// `mlp`: groups of four outputs per thread; 0 for `grn_partial`.
    pub rows: u32,
    /// Voxels a thread carries through one sweep over the weights.
    pub lanes: u32,
}

/// Shape of the work one workgroup of `expand` or `compress` does: a tile of voxels times some rows of outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Gemm {
    /// Voxels of a tile, a multiple of 32.
    pub voxels: u32,
    /// Voxels per thread.
    pub lanes: u32,
    /// Groups of four outputs per thread; of matrix units, per workgroup.
    pub rows: u32,
    /// What the threads of a workgroup load for each other.
    pub sharing: Sharing,
}

/// How threads that need the same value load it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sharing {
    /// Inputs pass through workgroup memory.
    Workgroup {
        /// Groups of four inputs there at once.
        chunk4: u32,
    },
    /// A workgroup is one subgroup, and weights pass from thread to thread: `expand_subgroup` and `compress_subgroup`.
    Subgroup,
    /// Matrix units multiply blocks that a subgroup holds together: `expand_cooperative` and `compress_cooperative`.
    Cooperative {
        /// The blocks.
        matrix: Matrix,
        /// Inputs in workgroup memory at once.
        depth: u32,
        /// Threads of a workgroup.
        threads: u32,
    },
}

impl Gemm {
    /// The shape for graphics hardware, in tiles of so many voxels.
    pub const fn workgroup(voxels: u32) -> Self {
        Self { voxels, lanes: 4, rows: 4, sharing: Sharing::Workgroup { chunk4: 8 } }
    }

    /// The shape for software drivers whose subgroups have always `size` threads, if those can share weights four channels at a time.
    pub fn subgroup(size: u32) -> Option<Self> {
        let usable = size.is_power_of_two() && (4..=16).contains(&size);
        let lanes = (32 / size.max(1)).max(4);
        usable.then_some(Self { voxels: size * lanes, lanes, rows: size.min(8), sharing: Sharing::Subgroup })
    }

    /// The shape for so many groups of four outputs: subgroups compute every row of their shape, whether it is wanted or not.
    pub fn for_outputs(self, out4: u32) -> Self {
        match self.sharing {
            Sharing::Subgroup => Self { rows: self.rows.min(out4.next_multiple_of(self.voxels / self.lanes / 4)), ..self },
            Sharing::Workgroup { .. } | Sharing::Cooperative { .. } => self,
        }
    }

    /// Groups of four outputs one workgroup computes.
    pub fn rows_per_group(self) -> usize {
        let shares = match self.sharing {
            Sharing::Workgroup { .. } => THREADS / (self.voxels / self.lanes),
            Sharing::Subgroup | Sharing::Cooperative { .. } => 1,
        };
        (shares * self.rows) as usize
    }

    /// The matrix units it uses.
    pub fn matrix(self) -> Option<Matrix> {
        match self.sharing {
            Sharing::Cooperative { matrix, .. } => Some(matrix),
            Sharing::Workgroup { .. } | Sharing::Subgroup => None,
        }
    }

    /// What its files' names end with.
    fn family(self) -> usize {
        match self.sharing {
            Sharing::Workgroup { .. } => 0,
            Sharing::Subgroup => 1,
            Sharing::Cooperative { .. } => 2,
        }
    }

    /// Workgroup memory of `expand`, which needs the more of the two.
    fn workgroup_bytes(self) -> u64 {
        match self.sharing {
            Sharing::Workgroup { chunk4 } => u64::from(chunk4 * self.voxels + THREADS) * 16,
            Sharing::Subgroup => 0,
            Sharing::Cooperative { matrix, depth, .. } => matrix::workgroup_bytes(self, matrix, depth),
        }
    }

    fn constants(self) -> Vec<(&'static str, u32)> {
        let mut constants = vec![("VOXELS", self.voxels), ("LANES", self.lanes)];
        match self.sharing {
            Sharing::Cooperative { matrix, depth, threads } => return matrix::constants(self, matrix, depth, threads),
            Sharing::Workgroup { chunk4 } => constants.extend([("ROWS", self.rows), ("CHUNK4", chunk4)]),
            Sharing::Subgroup => {
                let share = self.voxels / self.lanes / 4;
                constants.extend([("LOADS", self.rows / share), ("SHARE", share)]);
            }
        }
        constants
    }
}

/// Voxels per thread where the tile has as many: each weight loaded then serves four multiply-adds.
const LANES: u32 = 4;

/// Neighbours in x that a thread of `depthwise_subgroup` computes, in each of two rows.
pub const DEPTHWISE_STRIP: u32 = 8;

/// Voxels along x a thread of `depthwise` and `depthwise_rolling` computes.
pub const DEPTHWISE_PLAIN_STRIP: u32 = 4;

/// Planes a thread of `depthwise_rolling` computes one after another: of 10 loaded, 8 are computed.
pub const DEPTHWISE_RUN: u32 = 8;

/// Edge of the largest kernel for which `depthwise_rolling` is worth its registers.
pub const DEPTHWISE_ROLLING_KERNEL: u32 = 5;

/// Voxels along x a thread of `depthwise_up` computes.
pub const DEPTHWISE_UP_STRIP: u32 = 8;

/// Threads of a workgroup, except of those that are one subgroup.
pub const THREADS: u32 = 64;

/// Workgroup memory every adapter has (WebGPU's default limit); the tiles of GPU plans fit it.
pub const WORKGROUP_BYTES: u32 = 16 << 10;

impl Tile {
    /// The tile of `mlp` for a block: as many voxels as fit `bytes`, enough rows in a chunk to keep all threads busy.
    pub fn mlp(in4: u32, out4: u32, bytes: u32) -> Self {
        let voxels = tile_voxels(in4, bytes).min(prev_power_of_two(16 * THREADS / out4.max(1)));
        let lanes = LANES.min(voxels);
        let share = THREADS / (voxels / lanes);
        Self { in4, voxels, split: share.max(8), rows: out4.div_ceil(share), lanes }
    }

    /// The tile of `grn_partial` for a block.
    pub fn grn_partial(in4: u32, hidden4: u32, bytes: u32) -> Self {
        Self { in4, voxels: tile_voxels(in4, bytes), split: (THREADS / hidden4.max(1)).max(1), rows: 0, lanes: LANES }
    }
}

/// Voxels whose input fits half of `bytes`.
fn tile_voxels(in4: u32, bytes: u32) -> u32 {
    prev_power_of_two(bytes / 2 / 16 / in4.max(1)).min(THREADS)
}

fn prev_power_of_two(n: u32) -> u32 {
    1 << (31 - n.max(1).leading_zeros())
}

/// One `.wgsl` file.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// File name without extension; also the name of the CPU twin, which needs no `_subgroup` or `_cooperative`.
    pub name: &'static str,
    /// The file.
    pub source: &'static str,
    /// Shared pieces it needs in front.
    pub shared: &'static [&'static str],
    /// Its uniform block as Rust sees it: field names and offsets, and the size in bytes.
    pub params: (&'static [(&'static str, usize)], usize),
}

const STORED_F32: &str = include_str!("../../shaders/shared/stored_f32.wgsl");
const STORED_F16: &str = include_str!("../../shaders/shared/stored_f16.wgsl");
const GELU: &str = include_str!("../../shaders/shared/gelu.wgsl");
const SUBGROUP_PRODUCT: &str = include_str!("../../shaders/shared/subgroup_product.wgsl");
const BLEND_PLANES: &str = include_str!("../../shaders/shared/blend_planes.wgsl");
const PICK_LABEL: &str = include_str!("../../shaders/shared/pick_label.wgsl");
const COOPERATIVE_PRODUCT: &str = include_str!("../../shaders/shared/cooperative_product.wgsl");
const MOMENTS: &str = include_str!("../../shaders/shared/moments.wgsl");
const MERGE_MOMENTS: &str = include_str!("../../shaders/shared/merge_moments.wgsl");

macro_rules! row {
    ($name:literal, $params:ident, $shared:expr) => {
        Row {
            name: $name,
            source: include_str!(concat!("../../shaders/", $name, ".wgsl")),
            shared: $shared,
            params: (params::$params::LAYOUT, size_of::<params::$params>()),
        }
    };
}

/// Every kernel file.
pub const CATALOGUE: &[Row] = &[
    row!("pointwise", Pointwise, &[]),
    row!("depthwise", Depthwise, &[MOMENTS]),
    row!("depthwise_rolling", Depthwise, &[MOMENTS]),
    row!("depthwise_subgroup", Depthwise, &[]),
    row!("depthwise_up", Depthwise, &[MOMENTS]),
    row!("norm_plane", NormPlane, &[MERGE_MOMENTS]),
    row!("norm_affine", NormAffine, &[MERGE_MOMENTS]),
    row!("grn_partial", GrnPartial, &[GELU]),
    row!("expand", Expand, &[GELU]),
    row!("compress", Compress, &[]),
    row!("expand_subgroup", Expand, &[GELU, SUBGROUP_PRODUCT]),
    row!("compress_subgroup", Compress, &[SUBGROUP_PRODUCT]),
    row!("expand_cooperative", Expand, &[GELU, COOPERATIVE_PRODUCT]),
    row!("compress_cooperative", Compress, &[COOPERATIVE_PRODUCT]),
    row!("column_sum", ColumnSum, &[]),
    row!("grn_scale", GrnScale, &[]),
    row!("mlp", Mlp, &[GELU]),
    row!("peak_fma", PeakFma, &[]),
    row!("peak_copy", PeakCopy, &[]),
    row!("tile_extract", TileExtract, &[]),
    row!("tile_accumulate", TileAccumulate, &[]),
    row!("plane_mean", PlaneMean, &[]),
    row!("plane_label", PlaneLabel, &[BLEND_PLANES, PICK_LABEL]),
    row!("plane_features", PlaneFeatures, &[BLEND_PLANES]),
    row!("plane_head", PlaneHead, &[PICK_LABEL]),
];

impl Kernel {
    /// File name, without extension.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pointwise => "pointwise",
            Self::Depthwise { .. } => "depthwise",
            Self::DepthwiseRolling { subgroup: None, .. } => "depthwise_rolling",
            Self::DepthwiseRolling { subgroup: Some(_), .. } => "depthwise_subgroup",
            Self::DepthwiseUp { .. } => "depthwise_up",
            Self::NormPlane { .. } => "norm_plane",
            Self::NormAffine { .. } => "norm_affine",
            Self::GrnPartial(_) => "grn_partial",
            Self::Expand(gemm) => ["expand", "expand_subgroup", "expand_cooperative"][gemm.family()],
            Self::Compress(gemm) => ["compress", "compress_subgroup", "compress_cooperative"][gemm.family()],
            Self::ColumnSum { .. } => "column_sum",
            Self::GrnScale => "grn_scale",
            Self::Mlp(_) => "mlp",
            Self::PeakFma => "peak_fma",
            Self::PeakCopy => "peak_copy",
            Self::TileExtract => "tile_extract",
            Self::TileAccumulate => "tile_accumulate",
            Self::PlaneMean => "plane_mean",
            Self::PlaneLabel { .. } => "plane_label",
            Self::PlaneFeatures => "plane_features",
            Self::PlaneHead { .. } => "plane_head",
        }
    }

    /// The matrix units it uses.
    pub fn matrix(self) -> Option<Matrix> {
        match self {
            Self::Expand(gemm) | Self::Compress(gemm) => gemm.matrix(),
            _ => None,
        }
    }

    /// Workgroup memory of the tiled kernels, whose tiles depend on the network; the others need a few KiB.
    pub fn workgroup_bytes(self) -> u64 {
        match self {
            Self::Mlp(tile) => u64::from(tile.in4 + tile.split) * u64::from(tile.voxels) * 16,
            Self::GrnPartial(tile) => u64::from(tile.in4) * u64::from(tile.voxels) * 16,
            Self::Expand(gemm) | Self::Compress(gemm) => gemm.workgroup_bytes(),
            _ => 0,
        }
    }

    /// Constants in front of the source.
    fn constants(self) -> Vec<(&'static str, u32)> {
        match self {
            Self::Depthwise { kernel, stride, threads } => {
                vec![("KERNEL", kernel), ("STRIDE", stride), ("STRIP", DEPTHWISE_PLAIN_STRIP), ("THREADS", threads)]
            }
            Self::DepthwiseRolling { kernel, run, subgroup } => {
                let (strip, threads) = match subgroup {
                    Some(threads) => (DEPTHWISE_STRIP, ("GROUP", threads)),
                    None => (DEPTHWISE_PLAIN_STRIP, ("THREADS", THREADS)),
                };
                vec![("KERNEL", kernel), ("STRIP", strip), ("ROW", strip + kernel - 1), threads, ("RUN", run)]
            }
            Self::ColumnSum { threads } | Self::NormPlane { threads } | Self::NormAffine { threads } => vec![("THREADS", threads)],
            Self::DepthwiseUp { kernel, leaves, threads } => {
                let (values, moments) = (u32::from(leaves != Leaves::Moments), u32::from(leaves != Leaves::Values));
                // Inputs that a strip's outputs reach, from `BEFORE` on.
                let row = kernel / 4 + (DEPTHWISE_UP_STRIP - 1 + kernel / 2) / 2 + 1;
                let strip = [("KERNEL", kernel), ("STRIP", DEPTHWISE_UP_STRIP), ("ROW", row), ("THREADS", threads)];
                [&strip[..], &[("VALUES", values), ("MOMENTS", moments)]].concat()
            }
            Self::GrnPartial(tile) => vec![("IN4", tile.in4), ("VOXELS", tile.voxels), ("LANES", tile.lanes), ("PARTS", tile.split)],
            Self::Mlp(tile) => {
                vec![("IN4", tile.in4), ("VOXELS", tile.voxels), ("LANES", tile.lanes), ("CHUNK4", tile.split), ("ROWS", tile.rows)]
            }
            Self::Expand(gemm) | Self::Compress(gemm) => gemm.constants(),
            Self::PlaneLabel { wide } | Self::PlaneHead { wide } => vec![("WIDE", wide.into())],
            _ => vec![],
        }
    }

    /// The whole WGSL text: the storage type, constants, shared pieces, the file.
    pub fn wgsl(self, precision: Precision) -> String {
        let row = CATALOGUE.iter().find(|row| row.name == self.name()).expect("every kernel has a row");
        let stored = match precision {
            Precision::F32 => STORED_F32,
            Precision::F16 => STORED_F16,
        };
        let constants = self.constants();
        let mut text = stored.to_owned();
        if let Some(matrix) = self.matrix() {
            text.insert_str(0, "enable wgpu_cooperative_matrix;\n");
            text.push_str(&matrix::types(matrix));
        }
        text.extend(constants.iter().map(|(name, value)| format!("const {name}: u32 = {value}u;\n")));
        row.shared.iter().chain([&row.source]).for_each(|piece| unroll(&mut piece.lines(), &constants, &mut text));
        text
    }
}

/// Copies lines up to `//end`; those between `//repeat name COUNT` and its `//end` once per number, with {name} replaced by it.
fn unroll(lines: &mut Lines<'_>, constants: &[(&str, u32)], text: &mut String) {
    while let Some(line) = lines.next() {
        match line.trim_start().strip_prefix("//") {
            Some("end") => return,
            Some(comment) if comment.starts_with("repeat ") => {
                let mut words = comment.split(' ').skip(1);
                let (name, count) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                let constant = constants.iter().find(|(constant, _)| *constant == count);
                let count = constant.map_or_else(|| count.parse().expect("a number or a constant"), |(_, value)| *value);
                let mut body = String::new();
                unroll(lines, constants, &mut body);
                text.extend((0..count).map(|i| body.replace(&format!("{{{name}}}"), &i.to_string())));
            }
            _ => text.extend([line, "\n"]),
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        self.constants().into_iter().try_for_each(|(name, value)| write!(f, " {}={value}", name.to_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_lines_are_written_out() {
        let source = "a\n    //repeat x 2\n    b{x}\n    //repeat y ROWS\n    c{x}{y}{z}\n    //end\n    //end\n// end\n";
        let mut text = String::new();
        unroll(&mut source.lines(), &[("ROWS", 3)], &mut text);
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(lines, ["a", "b0", "c00{z}", "c01{z}", "c02{z}", "b1", "c10{z}", "c11{z}", "c12{z}", "// end"]);
    }

    #[test]
    fn tiles_fit_workgroup_memory_and_cover_all_outputs() {
        for in4 in [1, 2, 3, 8, 16, 24, 32, 64, 128, 256] {
            for out4 in [1, 2, 3, 8, 16, 32, 64, 128, 256, 512] {
                let tile = Tile::mlp(in4, out4, WORKGROUP_BYTES);
                assert!(Kernel::Mlp(tile).workgroup_bytes() <= u64::from(WORKGROUP_BYTES), "{tile:?}");
                assert!(tile.rows * (THREADS / (tile.voxels / tile.lanes)) >= out4, "{tile:?}");
                assert!(tile.rows * tile.lanes <= 16, "{tile:?}");
            }
        }
    }
}
