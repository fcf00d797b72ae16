//! Matrix units: which block products an adapter offers, and the shapes of `expand` and `compress` that use them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::kernels::{Gemm, Sharing};
use crate::plan::Precision;

/// A product of square blocks, with sums in f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Matrix {
    /// Rows and columns of both operands: 8 or 16.
    pub edge: u32,
    /// Whether operands are f16; else f32.
    pub half: bool,
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { edge, half } = self;
        write!(f, "{edge}x{edge}x{edge} {}->f32", if *half { "f16" } else { "f32" })
    }
}

/// Quarters of a tile; `UNITS` of the shader.
const UNITS: u32 = 4;
/// Threads every adapter allows in a workgroup.
const MOST_THREADS: u32 = 256;

impl Matrix {
    /// Whether products under this precision may use it: operands are never rounded more than what is stored, and half-precision
    /// operands are worth at least as much as single ones.
    pub fn serves(self, precision: Precision) -> bool {
        self.half == (precision == Precision::F16)
    }

    /// Shapes worth trying: small tiles that also small levels fill, and larger ones that load each operand less often. `subgroups`
    /// are the sizes a driver may choose; any other works too, only slower.
    pub fn shapes(self, subgroups: [u32; 2]) -> Vec<Gemm> {
        // Outputs, voxels and channels at once; at most 16 blocks of sums per subgroup, and 16 KiB of workgroup memory.
        let tiles: &[[u32; 3]] = match (self.edge, self.half) {
            (8, true) => &[[64, 64, 32], [32, 64, 32]],
            (8, false) => &[[64, 64, 16], [32, 64, 16]],
            (_, true) => &[[64, 64, 32], [128, 64, 16], [128, 128, 16]],
            (_, false) => &[[64, 64, 16]],
        };
        let [least, most] = subgroups.map(|size| size.clamp(8, MOST_THREADS / UNITS).next_power_of_two());
        let sizes = [8, 16, 32, 64].into_iter().filter(|size| (least..=most.max(least)).contains(size));
        let shape = |size, &[outputs, voxels, depth]: &[u32; 3]| {
            let sharing = Sharing::Cooperative { matrix: self, depth, threads: UNITS * size };
            Gemm { voxels, lanes: 1, rows: outputs / 4, sharing }
        };
        sizes.flat_map(|size| tiles.iter().map(move |tile| shape(size, tile))).collect()
    }
}

/// Workgroup memory of a shape: two operands, results with one place to spare, squares, and what says how many subgroups there are.
pub(crate) fn workgroup_bytes(gemm: Gemm, matrix: Matrix, depth: u32) -> u64 {
    let (outputs, operand) = (gemm.rows * 4, if matrix.half { 2 } else { 4 });
    let operands = depth * (outputs + 8 + gemm.voxels + 8) * operand;
    let results = (UNITS + 1) * matrix.edge * (matrix.edge + 4) * 4;
    u64::from(operands + results + 2 * outputs * 4 + 16)
}

/// Constants of a shape.
pub(crate) fn constants(gemm: Gemm, matrix: Matrix, depth: u32, threads: u32) -> Vec<(&'static str, u32)> {
    let (outputs, edge) = (gemm.rows * 4, matrix.edge);
    vec![
        ("EDGE", edge),
        ("VOXELS", gemm.voxels),
        ("ROWS", outputs),
        ("DEPTH", depth),
        ("THREADS", threads),
        ("MATRICES_M", outputs / 2 / edge),
        ("MATRICES_N", gemm.voxels / 2 / edge),
    ]
}

/// Types of a shape, and rounding to them.
pub(crate) fn types(matrix: Matrix) -> String {
    let Matrix { edge, half } = matrix;
    let (operand, value) = if half { ("f16", "clamp(v, vec4<f32>(-65504.0), vec4<f32>(65504.0))") } else { ("f32", "v") };
    let matrices = [("A", operand), ("B", operand), ("C", "f32")]
        .map(|(role, scalar)| format!("alias Matrix{role} = coop_mat{edge}x{edge}<{scalar}, {role}>;\n"));
    format!(
        "alias Operand = {operand};\n{}fn operands(v: vec4<f32>) -> vec4<Operand> {{\n    return vec4<Operand>({value});\n}}\n",
        matrices.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::WORKGROUP_BYTES;

    #[test]
    fn shapes_fit_memory_and_registers() {
        for (edge, half) in [(8, false), (8, true), (16, true), (16, false)] {
            let matrix = Matrix { edge, half };
            for subgroups in [[8, 8], [32, 32], [32, 64], [8, 32], [4, 128]] {
                let shapes = matrix.shapes(subgroups);
                assert!(!shapes.is_empty(), "{subgroups:?}");
                for gemm in shapes {
                    let Sharing::Cooperative { depth, threads, .. } = gemm.sharing else { panic!("{gemm:?}") };
                    assert!(workgroup_bytes(gemm, matrix, depth) <= u64::from(WORKGROUP_BYTES), "{gemm:?}");
                    assert!(threads <= MOST_THREADS && depth.is_multiple_of(edge), "{gemm:?}");
                    let blocks = (gemm.rows * 4 / 2 / edge) * (gemm.voxels / 2 / edge);
                    assert!((1..=16).contains(&blocks), "{gemm:?}");
                }
            }
        }
        assert!(Matrix { edge: 16, half: true }.serves(Precision::F16) && !Matrix { edge: 16, half: true }.serves(Precision::F32));
    }
}
