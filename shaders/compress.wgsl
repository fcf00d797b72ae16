// Compress a stored expanded activation, and add it to the residual:
//
//   y[p + shift] += W2 (s * h[p]) + b2
//
// h is [group of planes][tile][hidden/4][VOXELS] of vec4, as `expand` leaves it; s is GRN's factor; W2 is [out/4][hidden] of vec4
// (four outputs each); y is [z][out/4][y][x]. `shift` is 1 for up blocks, whose first plane, row and column stay untouched, else 0.
//
// Why this shape: as in `expand`, a thread holds LANES voxels times ROWS groups of four outputs in registers; the sum runs over
// thousands of hidden channels, which pass through workgroup memory in chunks of CHUNK4 groups of four.
// Constants from the plan: VOXELS, LANES, ROWS, CHUNK4.

struct Params {
    d_x: u32,
    voxels: u32, // per plane and channel
    planes: u32, // of a group
    slab_planes: u32,
    hidden4: u32,
    out4: u32,
    tiles: u32,
    out_x: u32,
    out_y: u32,
    out_plane: u32,
    shift: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> hidden: array<Stored>;
@group(0) @binding(2) var<storage, read> scale: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> w2: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> b2: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> y: array<Stored>;

const COLUMNS: u32 = VOXELS / LANES;
const SHARES: u32 = 64u / COLUMNS;

var<workgroup> hidden_tile: array<vec4<f32>, CHUNK4 * VOXELS>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let column = thread % COLUMNS;
    let share = thread / COLUMNS;
    let first_row = (group.y * SHARES + share) * ROWS;
    let last_row = params.out4 - 1u;
    let base = (group.z * params.tiles + group.x) * params.hidden4 * VOXELS;

    var sums: array<vec4<f32>, ROWS * LANES>;
    for (var i = 0u; i < ROWS; i++) {
        for (var lane = 0u; lane < LANES; lane++) {
            sums[i * LANES + lane] = b2[min(first_row + i, last_row)];
        }
    }
    for (var chunk = 0u; chunk < params.hidden4; chunk += CHUNK4) {
        let depth = min(CHUNK4, params.hidden4 - chunk);
        for (var i = thread; i < depth * VOXELS; i += 64u) {
            hidden_tile[i] = scale[chunk + i / VOXELS] * vec4<f32>(hidden[base + chunk * VOXELS + i]);
        }
        workgroupBarrier();
        for (var k = 0u; k < depth; k++) {
            var x: array<vec4<f32>, LANES>;
            for (var lane = 0u; lane < LANES; lane++) {
                x[lane] = hidden_tile[k * VOXELS + lane * COLUMNS + column];
            }
            for (var i = 0u; i < ROWS; i++) {
                let w = (min(first_row + i, last_row) * params.hidden4 + chunk + k) * 4u;
                let wx = w2[w];
                let wy = w2[w + 1u];
                let wz = w2[w + 2u];
                let ww = w2[w + 3u];
                for (var lane = 0u; lane < LANES; lane++) {
                    let v = x[lane];
                    sums[i * LANES + lane] += wx * v.x + wy * v.y + wz * v.z + ww * v.w;
                }
            }
        }
        workgroupBarrier();
    }

    let first_plane = group.z * params.planes;
    let count = min(params.planes, params.slab_planes - first_plane) * params.voxels;
    for (var lane = 0u; lane < LANES; lane++) {
        let at = group.x * VOXELS + lane * COLUMNS + column;
        if (at < count) {
            let plane = first_plane + at / params.voxels;
            let pixel = at % params.voxels;
            let pos_x = pixel % params.d_x + params.shift;
            let pos_y = pixel / params.d_x + params.shift;
            let to = plane * params.out_plane + pos_y * params.out_x + pos_x;
            for (var i = 0u; i < ROWS; i++) {
                let o4 = first_row + i;
                if (o4 <= last_row) {
                    let slot = to + o4 * params.out_x * params.out_y;
                    y[slot] = stored(vec4<f32>(y[slot]) + sums[i * LANES + lane]);
                }
            }
        }
    }
}
