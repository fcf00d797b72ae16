// Expand, GELU, GRN, compress and residual of a block, for one tile of a plane:
//
//   y[p + shift] += W2 (s * gelu(W1 (a d[p] + t) + b1)) + b2
//
// (a, t) is the instance norm as an affine, s the GRN factor, b2 already holds W2 beta and the residual projection's bias.
// `shift` is 1 for up blocks, whose first plane, row and column stay untouched, else 0. The expanded activation exists in
// chunks of CHUNK4 * 4 channels of one tile, in workgroup memory.
//
// d is [z][in/4][voxel] of vec4; y is [z][out/4][y][x]; W1 is [hidden/4][in], W2 [out/4][hidden] of vec4 (four outputs each).
// A thread carries LANES voxels through one sweep over the weights, because four multiply-adds per weight loaded are what keeps
// it busy; the SHARE threads of the same voxels divide the rows among them.
// Constants from the plan: IN4, VOXELS (tile, at most 64), LANES, CHUNK4, ROWS (output rows per thread).

struct Params {
    d_x: u32,
    voxels: u32, // of d per plane and channel
    d_plane: u32,
    hidden4: u32,
    out4: u32,
    out_x: u32,
    out_y: u32,
    out_plane: u32,
    shift: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d: array<Stored>;
@group(0) @binding(2) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> w1: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> b1: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> scale: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> w2: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> b2: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> y: array<Stored>;

var<workgroup> d_tile: array<vec4<f32>, IN4 * VOXELS>;
var<workgroup> h_tile: array<vec4<f32>, CHUNK4 * VOXELS>;

const COLUMNS: u32 = VOXELS / LANES;
const SHARE: u32 = 64u / COLUMNS;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let first = group.x * VOXELS;
    for (var i = thread; i < IN4 * VOXELS; i += 64u) {
        let c4 = i / VOXELS;
        let at = first + i % VOXELS;
        var value = vec4<f32>(0.0);
        if (at < params.voxels) {
            value = affine[c4 * 2u] * vec4<f32>(d[group.y * params.d_plane + c4 * params.voxels + at]) + affine[c4 * 2u + 1u];
        }
        d_tile[i] = value;
    }
    workgroupBarrier();

    let column = thread % COLUMNS;
    let share = thread / COLUMNS;
    var sums: array<vec4<f32>, ROWS * LANES>;
    for (var i = 0u; i < ROWS * LANES; i++) {
        sums[i] = vec4<f32>(0.0);
    }
    for (var chunk = 0u; chunk < params.hidden4; chunk += CHUNK4) {
        let rows = min(CHUNK4, params.hidden4 - chunk);
        for (var row = share; row < rows; row += SHARE) {
            let e4 = chunk + row;
            var h: array<vec4<f32>, LANES>;
            for (var lane = 0u; lane < LANES; lane++) {
                h[lane] = b1[e4];
            }
            for (var c4 = 0u; c4 < IN4; c4++) {
                let w = (e4 * IN4 + c4) * 4u;
                let wx = w1[w];
                let wy = w1[w + 1u];
                let wz = w1[w + 2u];
                let ww = w1[w + 3u];
                for (var lane = 0u; lane < LANES; lane++) {
                    let x = d_tile[c4 * VOXELS + lane * COLUMNS + column];
                    h[lane] += wx * x.x + wy * x.y + wz * x.z + ww * x.w;
                }
            }
            for (var lane = 0u; lane < LANES; lane++) {
                h_tile[row * VOXELS + lane * COLUMNS + column] = gelu(h[lane]) * scale[e4];
            }
        }
        workgroupBarrier();
        for (var i = 0u; i < ROWS; i++) {
            let o4 = share + i * SHARE;
            if (o4 < params.out4) {
                for (var row = 0u; row < rows; row++) {
                    let w = (o4 * params.hidden4 + chunk + row) * 4u;
                    let wx = w2[w];
                    let wy = w2[w + 1u];
                    let wz = w2[w + 2u];
                    let ww = w2[w + 3u];
                    for (var lane = 0u; lane < LANES; lane++) {
                        let h = h_tile[row * VOXELS + lane * COLUMNS + column];
                        sums[i * LANES + lane] += wx * h.x + wy * h.y + wz * h.z + ww * h.w;
                    }
                }
            }
        }
        workgroupBarrier();
    }

    for (var lane = 0u; lane < LANES; lane++) {
        let at = first + lane * COLUMNS + column;
        if (at < params.voxels) {
            let pos_x = at % params.d_x + params.shift;
            let pos_y = at / params.d_x + params.shift;
            let to = group.y * params.out_plane + pos_y * params.out_x + pos_x;
            for (var i = 0u; i < ROWS; i++) {
                let o4 = share + i * SHARE;
                if (o4 < params.out4) {
                    let slot = to + o4 * params.out_x * params.out_y;
                    y[slot] = stored(vec4<f32>(y[slot]) + sums[i * LANES + lane] + b2[o4]);
                }
            }
        }
    }
}
