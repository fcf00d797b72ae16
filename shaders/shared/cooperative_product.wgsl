// W x for a tile of VOXELS voxels and ROWS outputs by the matrix units of one workgroup:
//
//   sum[o][v] = sum over k of W[o][k] x[k][v], operands rounded to Operand, sums in f32
//
// The file in front says what W and x are (`weight`, `input`), what becomes of four sums (`finish`) and what follows a block of
// results (`after_block`); `weight` and `input` give zero outside of their tensors, so that edge tiles need nothing else here.
//
// Why this shape: a matrix unit multiplies EDGE x EDGE blocks that a whole subgroup holds. Both operands have to be changed before
// the product (normalised or scaled, and rounded), so chunks of DEPTH channels pass through workgroup memory; there each serves
// several blocks. The tile is cut into UNITS quarters, one per subgroup, each of MATRICES_M x MATRICES_N blocks held in registers.
// Nothing says how many threads a subgroup has on the device at hand: with fewer subgroups than quarters the work is done in
// rounds, and a subgroup too many repeats the last quarter into a place nobody reads. The result never depends on it.
// Blocks leave through workgroup memory, where any thread may read any sum: which thread holds what of a matrix is unknown.
// Rows are 16 bytes apart from a power of two (STRIDEs), as bank conflicts and the rules for loads (16 bytes) want it.
// coopLoad reads columns that lie together, coopLoadT rows.
//
// Constants from the plan: EDGE, VOXELS, ROWS, DEPTH, THREADS, MATRICES_M, MATRICES_N; types MatrixA, MatrixB, MatrixC, Operand.

const UNITS: u32 = 4u;
const WEIGHT_STRIDE: u32 = ROWS + 8u;
const INPUT_STRIDE: u32 = VOXELS + 8u;
const RESULT_STRIDE: u32 = EDGE + 4u;
const RESULT: u32 = EDGE * RESULT_STRIDE;
const QUADS: u32 = EDGE * EDGE / 4u;
// Threads side by side along voxels, or along channels of a row of weights, while a chunk is loaded.
const ALONG_VOXELS: u32 = min(THREADS, VOXELS);
const ALONG_DEPTH: u32 = min(THREADS, DEPTH);

// Sizes are multiples of 16 bytes, so that each array begins at one.
var<workgroup> weights: array<Operand, DEPTH * WEIGHT_STRIDE>;
var<workgroup> inputs: array<Operand, DEPTH * INPUT_STRIDE>;
var<workgroup> results: array<f32, (UNITS + 1u) * RESULT>;
var<workgroup> team: vec4<u32>;

// Where four sums of one voxel belong in the tile, and where they lie.
struct Quad {
    row4: u32,
    voxel: u32,
    at: u32,
}

fn tile_product(group: vec3<u32>, thread: u32, subgroup: u32, subgroups: u32, k4: u32) {
    if (thread == 0u) {
        team = vec4<u32>(subgroups, k4, 0u, 0u);
    }
    let shape = workgroupUniformLoad(&team);
    let teams = shape.x;
    for (var first = 0u; first < UNITS; first += teams) {
        for (var i = thread; i < RESULT; i += THREADS) {
            results[i] = 0.0;
        }
        workgroupBarrier();
        let unit = min(first + subgroup, UNITS - 1u);
        let slot = select(UNITS, subgroup, first + subgroup < UNITS);
        let unit_row = unit / 2u * (ROWS / 2u);
        let unit_voxel = unit % 2u * (VOXELS / 2u);
        let to = slot * RESULT;
        //repeat m MATRICES_M
        //repeat n MATRICES_N
        var sum{m}_{n} = coopLoad<MatrixC>(&results[0], RESULT_STRIDE);
        //end
        //end
        for (var chunk = 0u; chunk < shape.y * 4u; chunk += DEPTH) {
            for (var k = thread % ALONG_DEPTH; k < DEPTH; k += ALONG_DEPTH) {
                for (var row4 = thread / ALONG_DEPTH; row4 < ROWS / 4u; row4 += THREADS / ALONG_DEPTH) {
                    let w = operands(weight(group, row4, chunk + k));
                    let at = k * WEIGHT_STRIDE + row4 * 4u;
                    weights[at] = w.x;
                    weights[at + 1u] = w.y;
                    weights[at + 2u] = w.z;
                    weights[at + 3u] = w.w;
                }
            }
            for (var voxel = thread % ALONG_VOXELS; voxel < VOXELS; voxel += ALONG_VOXELS) {
                let source = locate(group, voxel);
                for (var k = thread / ALONG_VOXELS; k < DEPTH / 4u; k += THREADS / ALONG_VOXELS) {
                    let x = operands(input(source, chunk / 4u + k));
                    let at = k * 4u * INPUT_STRIDE + voxel;
                    inputs[at] = x.x;
                    inputs[at + INPUT_STRIDE] = x.y;
                    inputs[at + 2u * INPUT_STRIDE] = x.z;
                    inputs[at + 3u * INPUT_STRIDE] = x.w;
                }
            }
            workgroupBarrier();
            for (var k = 0u; k < DEPTH; k += EDGE) {
                //repeat m MATRICES_M
                let a{m} = coopLoad<MatrixA>(&weights[k * WEIGHT_STRIDE + unit_row + {m}u * EDGE], WEIGHT_STRIDE);
                //end
                //repeat n MATRICES_N
                let b{n} = coopLoadT<MatrixB>(&inputs[k * INPUT_STRIDE + unit_voxel + {n}u * EDGE], INPUT_STRIDE);
                //end
                //repeat m MATRICES_M
                //repeat n MATRICES_N
                sum{m}_{n} = coopMultiplyAdd(a{m}, b{n}, sum{m}_{n});
                //end
                //end
            }
            workgroupBarrier();
        }
        let units = min(teams, UNITS - first);
        //repeat m MATRICES_M
        //repeat n MATRICES_N
        coopStore(sum{m}_{n}, &results[to], RESULT_STRIDE);
        workgroupBarrier();
        block(group, thread, first, units, {m}u, {n}u);
        //end
        //end
    }
}

// The block at (m, n) of `units` quarters from `first` on.
fn block(group: vec3<u32>, thread: u32, first: u32, units: u32, m: u32, n: u32) {
    for (var i = thread; i < units * QUADS; i += THREADS) {
        let unit = first + i / QUADS;
        let voxel = i % EDGE;
        let row4 = i % QUADS / EDGE;
        let at = i / QUADS * RESULT + voxel * RESULT_STRIDE + row4 * 4u;
        let sum = vec4<f32>(results[at], results[at + 1u], results[at + 2u], results[at + 3u]);
        let quad = Quad(unit / 2u * (ROWS / 8u) + m * (EDGE / 4u) + row4, unit % 2u * (VOXELS / 2u) + n * EDGE + voxel, at);
        finish(group, quad, sum);
    }
    workgroupBarrier();
    after_block(thread, first, units, m, n);
}
