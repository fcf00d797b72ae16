// Expand, GELU and the sum of squares that global response normalisation needs, for one tile of a plane:
//
//   partial[e] = sum over the tile's voxels of gelu(W1 (a d + t) + b1)[e]^2
//
// The expanded activation lives in registers only. d is [z][in/4][voxel] of vec4; W1 is [hidden/4][in] of vec4;
// affine (a, t) is [in/4][scale, shift]; partial is [z][tile][part][hidden/4]. A thread owns four hidden channels; when there
// are fewer than 64 such rows, PARTS groups of threads share the tile's voxels.
// Constants from the plan: IN4, VOXELS (tile), LANES (voxels a thread carries through one sweep over the weights), PARTS.

struct Params {
    voxels: u32, // per plane and channel
    plane: u32,
    hidden4: u32,
    tiles: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d: array<Stored>;
@group(0) @binding(2) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> w1: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> b1: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> partial: array<vec4<f32>>;

var<workgroup> d_tile: array<vec4<f32>, IN4 * VOXELS>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let tile = group.x;
    let first = tile * VOXELS;
    let count = min(VOXELS, params.voxels - first);
    for (var i = thread; i < IN4 * VOXELS; i += 64u) {
        let c4 = i / VOXELS;
        let v = i % VOXELS;
        var value = vec4<f32>(0.0);
        if (v < count) {
            value = affine[c4 * 2u] * vec4<f32>(d[group.y * params.plane + c4 * params.voxels + first + v]) + affine[c4 * 2u + 1u];
        }
        d_tile[i] = value;
    }
    workgroupBarrier();
    let rows = 64u / PARTS;
    let part = thread / rows;
    if (part >= PARTS) {
        return;
    }
    for (var e4 = thread % rows; e4 < params.hidden4; e4 += rows) {
        var squares = vec4<f32>(0.0);
        for (var v = part * LANES; v < count; v += PARTS * LANES) {
            var h: array<vec4<f32>, LANES>;
            for (var lane = 0u; lane < LANES; lane++) {
                h[lane] = b1[e4];
            }
            for (var c4 = 0u; c4 < IN4; c4++) {
                let w = (e4 * IN4 + c4) * 4u;
                let w0 = w1[w];
                let w1_ = w1[w + 1u];
                let w2 = w1[w + 2u];
                let w3 = w1[w + 3u];
                for (var lane = 0u; lane < LANES; lane++) {
                    let x = d_tile[c4 * VOXELS + min(v + lane, VOXELS - 1u)];
                    h[lane] += w0 * x.x + w1_ * x.y + w2 * x.z + w3 * x.w;
                }
            }
            for (var lane = 0u; lane < LANES; lane++) {
                if (v + lane < count) {
                    let g = gelu(h[lane]);
                    squares += g * g;
                }
            }
        }
        partial[((group.y * params.tiles + tile) * PARTS + part) * params.hidden4 + e4] = squares;
    }
}
