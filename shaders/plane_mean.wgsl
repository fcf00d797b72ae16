// Turns weighted sums into means where they lie, as nnU-Net does once all tiles are in (`inference/predict_from_raw_data.py`):
//
//   s[c] /= w;  flag 0 is raised where a mean is no number
//
// s is [z][channel][y][x] of f32, w being channel `channels`. One thread per voxel and all its channels, so that a weight is loaded
// once. Finite numbers are told by their bits: compilers may assume that nothing else occurs.

struct Params {
    area: u32,
    plane: u32,
    channels: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;
@group(0) @binding(2) var<storage, read_write> flags: array<atomic<u32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= params.area) {
        return;
    }
    var at = id.y * params.plane + id.x;
    let weight = sums[at + params.channels * params.area];
    var finite = true;
    for (var c = 0u; c < params.channels; c++) {
        let mean = sums[at] / weight;
        sums[at] = mean;
        finite = finite && (bitcast<u32>(mean) & 0x7f800000u) != 0x7f800000u;
        at += params.area;
    }
    if (!finite) {
        atomicStore(&flags[0], 1u);
    }
}
