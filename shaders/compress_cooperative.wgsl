// `compress` on matrix units:
//
//   y[p + shift] += W2 (s * h[p]) + b2
//
// Tensors lie as in `compress.wgsl`; why the product has this shape is said in `shared/cooperative_product.wgsl`. GRN's factor and
// rounding come before a value goes to workgroup memory, bias and residual after the sum has come back, in f32.

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

fn weight(group: vec3<u32>, row4: u32, k: u32) -> vec4<f32> {
    let row = group.y * (ROWS / 4u) + row4;
    if (row >= params.out4 || k >= params.hidden4 * 4u) {
        return vec4<f32>(0.0);
    }
    return w2[row * params.hidden4 * 4u + k];
}

fn locate(group: vec3<u32>, voxel: u32) -> u32 {
    return (group.z * params.tiles + group.x) * params.hidden4 * VOXELS + voxel;
}

fn input(source: u32, c4: u32) -> vec4<f32> {
    if (c4 >= params.hidden4) {
        return vec4<f32>(0.0);
    }
    return scale[c4] * vec4<f32>(hidden[source + c4 * VOXELS]);
}

fn finish(group: vec3<u32>, quad: Quad, sum: vec4<f32>) {
    let o4 = group.y * (ROWS / 4u) + quad.row4;
    let first_plane = group.z * params.planes;
    let count = min(params.planes, params.slab_planes - first_plane) * params.voxels;
    let at = group.x * VOXELS + quad.voxel;
    if (o4 < params.out4 && at < count) {
        let plane = first_plane + at / params.voxels;
        let pixel = at % params.voxels;
        let pos_x = pixel % params.d_x + params.shift;
        let pos_y = pixel / params.d_x + params.shift;
        let slot = plane * params.out_plane + (o4 * params.out_y + pos_y) * params.out_x + pos_x;
        y[slot] = stored(vec4<f32>(y[slot]) + sum + b2[o4]);
    }
}

fn after_block(thread: u32, first: u32, units: u32, m: u32, n: u32) {}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
) {
    tile_product(group, thread, subgroup, subgroups, params.hidden4);
}
