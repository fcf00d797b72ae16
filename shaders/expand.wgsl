// Expand and GELU, stored, with the sum of squares that global response normalisation needs:
//
//   h = gelu(W1 (a d + t) + b1),  partial[e] = sum over the tile's voxels of h[e]^2
//
// d is [z][in/4][voxel] of vec4; affine (a, t) is [in/4][scale, shift]; W1 is [hidden/4][in] of vec4 (four outputs each).
// Tiles of VOXELS voxels never cross a group of `planes` planes, so slabs of whole groups change nothing. h is
// [group][tile][hidden/4][VOXELS], partial is [group][tile][hidden/4].
//
// Why this shape: with 128 channels and more this is an ordinary matrix product. A thread holds LANES voxels times ROWS groups of
// four outputs in registers, so that each weight serves LANES and each input ROWS multiply-adds; inputs pass through workgroup
// memory in chunks of CHUNK4 groups of four channels, because every thread of a column needs them.
// Constants from the plan: VOXELS, LANES, ROWS, CHUNK4.

struct Params {
    voxels: u32, // per plane and channel
    plane: u32,
    planes: u32, // of a group
    slab_planes: u32,
    in4: u32,
    hidden4: u32,
    tiles: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d: array<Stored>;
@group(0) @binding(2) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> w1: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> b1: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> hidden: array<Stored>;
@group(0) @binding(6) var<storage, read_write> partial: array<vec4<f32>>;

const COLUMNS: u32 = VOXELS / LANES;
const SHARES: u32 = 64u / COLUMNS;

var<workgroup> input_tile: array<vec4<f32>, CHUNK4 * VOXELS>;
var<workgroup> squares: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let column = thread % COLUMNS;
    let share = thread / COLUMNS;
    let first_plane = group.z * params.planes;
    let count = min(params.planes, params.slab_planes - first_plane) * params.voxels;
    let first_row = (group.y * SHARES + share) * ROWS;
    let last_row = params.hidden4 - 1u;

    var sums: array<vec4<f32>, ROWS * LANES>;
    for (var i = 0u; i < ROWS; i++) {
        for (var lane = 0u; lane < LANES; lane++) {
            sums[i * LANES + lane] = b1[min(first_row + i, last_row)];
        }
    }
    for (var chunk = 0u; chunk < params.in4; chunk += CHUNK4) {
        for (var i = thread; i < CHUNK4 * VOXELS; i += 64u) {
            let c4 = chunk + i / VOXELS;
            let at = group.x * VOXELS + i % VOXELS;
            var value = vec4<f32>(0.0);
            if (c4 < params.in4 && at < count) {
                let source = (first_plane + at / params.voxels) * params.plane + c4 * params.voxels + at % params.voxels;
                value = affine[c4 * 2u] * vec4<f32>(d[source]) + affine[c4 * 2u + 1u];
            }
            input_tile[i] = value;
        }
        workgroupBarrier();
        for (var k = 0u; k < min(CHUNK4, params.in4 - chunk); k++) {
            var x: array<vec4<f32>, LANES>;
            for (var lane = 0u; lane < LANES; lane++) {
                x[lane] = input_tile[k * VOXELS + lane * COLUMNS + column];
            }
            for (var i = 0u; i < ROWS; i++) {
                let w = (min(first_row + i, last_row) * params.in4 + chunk + k) * 4u;
                let wx = w1[w];
                let wy = w1[w + 1u];
                let wz = w1[w + 2u];
                let ww = w1[w + 3u];
                for (var lane = 0u; lane < LANES; lane++) {
                    let v = x[lane];
                    sums[i * LANES + lane] += wx * v.x + wy * v.y + wz * v.z + ww * v.w;
                }
            }
        }
        workgroupBarrier();
    }

    let tile = group.z * params.tiles + group.x;
    for (var i = 0u; i < ROWS; i++) {
        let e4 = first_row + i;
        var square = vec4<f32>(0.0);
        for (var lane = 0u; lane < LANES; lane++) {
            let v = lane * COLUMNS + column;
            let h = gelu(sums[i * LANES + lane]);
            if (group.x * VOXELS + v < count) {
                square += h * h;
            }
            if (e4 <= last_row) {
                hidden[(tile * params.hidden4 + e4) * VOXELS + v] = stored(h);
            }
        }
        squares[thread] = square;
        workgroupBarrier();
        for (var half = COLUMNS / 2u; half > 0u; half /= 2u) {
            if (column < half) {
                squares[thread] += squares[thread + half];
            }
            workgroupBarrier();
        }
        if (column == 0u && e4 <= last_row) {
            partial[tile * params.hidden4 + e4] = squares[thread];
        }
        workgroupBarrier();
    }
}
