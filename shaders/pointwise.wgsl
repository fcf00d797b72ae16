// 1x1x1 convolution between two grids: stem, heads and the residual projections.
//
//   y[i * out_stride + out_offset] (+)= W x[i * in_stride] + b
//
// Tensors are [z][channel/4][y][x] of vec4 with `*_plane` vec4 per z. W is [out/4][in] of vec4 (four outputs each).
// One thread per point i and group of four outputs: these convolutions are under 2 % of a network's arithmetic, and neighbouring
// threads read neighbouring points. Points along z are those of the bound slab.

struct Params {
    points_x: u32,
    points_y: u32,
    in4: u32,
    out4: u32,
    in_x: u32,
    in_y: u32,
    in_plane: u32,
    in_stride: u32,
    out_x: u32,
    out_y: u32,
    out_plane: u32,
    out_stride: u32,
    out_offset: u32,
    accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<Stored>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= params.points_x * params.points_y) {
        return;
    }
    let px = id.x % params.points_x;
    let py = id.x / params.points_x;
    let o4 = id.y;
    let pz = id.z;
    let in_channel = params.in_x * params.in_y;
    let source = pz * params.in_stride * params.in_plane + py * params.in_stride * params.in_x + px * params.in_stride;
    let row = o4 * params.in4 * 4u;
    var sum = bias[o4];
    for (var c4 = 0u; c4 < params.in4; c4++) {
        let v = vec4<f32>(x[source + c4 * in_channel]);
        let w = row + c4 * 4u;
        sum += weight[w] * v.x + weight[w + 1u] * v.y + weight[w + 2u] * v.z + weight[w + 3u] * v.w;
    }
    let to = pz * params.out_stride * params.out_plane
        + o4 * params.out_x * params.out_y
        + (py * params.out_stride + params.out_offset) * params.out_x
        + px * params.out_stride + params.out_offset;
    if (params.accumulate != 0u) {
        sum += vec4<f32>(y[to]);
    }
    y[to] = stored(sum);
}
