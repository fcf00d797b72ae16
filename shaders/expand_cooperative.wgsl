// `expand` on matrix units:
//
//   h = gelu(W1 (a d + t) + b1),  partial[e] = sum over the tile's voxels of h[e]^2
//
// Tensors lie as in `expand.wgsl`; why the product has this shape is said in `shared/cooperative_product.wgsl`. Norm and rounding
// happen before a value goes to workgroup memory, bias and GELU after the sum has come back, in f32. Squares are left where the sums
// lay, one voxel each, and added voxel by voxel: their order depends on no subgroup.

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

// Of the two columns of quarters.
var<workgroup> squares: array<f32, 2u * ROWS>;

const NOWHERE: u32 = 0xffffffffu;

// Voxels of the group of planes a workgroup's tile lies in.
fn voxel_count(group: vec3<u32>) -> u32 {
    return min(params.planes, params.slab_planes - group.z * params.planes) * params.voxels;
}

fn weight(group: vec3<u32>, row4: u32, k: u32) -> vec4<f32> {
    let row = group.y * (ROWS / 4u) + row4;
    if (row >= params.hidden4 || k >= params.in4 * 4u) {
        return vec4<f32>(0.0);
    }
    return w1[row * params.in4 * 4u + k];
}

fn locate(group: vec3<u32>, voxel: u32) -> u32 {
    let at = group.x * VOXELS + voxel;
    if (at >= voxel_count(group)) {
        return NOWHERE;
    }
    return (group.z * params.planes + at / params.voxels) * params.plane + at % params.voxels;
}

fn input(source: u32, c4: u32) -> vec4<f32> {
    if (source == NOWHERE || c4 >= params.in4) {
        return vec4<f32>(0.0);
    }
    return affine[c4 * 2u] * vec4<f32>(d[source + c4 * params.voxels]) + affine[c4 * 2u + 1u];
}

fn finish(group: vec3<u32>, quad: Quad, sum: vec4<f32>) {
    let e4 = group.y * (ROWS / 4u) + quad.row4;
    var square = vec4<f32>(0.0);
    if (e4 < params.hidden4) {
        let h = gelu(sum + b1[e4]);
        hidden[((group.z * params.tiles + group.x) * params.hidden4 + e4) * VOXELS + quad.voxel] = stored(h);
        if (group.x * VOXELS + quad.voxel < voxel_count(group)) {
            square = h * h;
        }
    }
    results[quad.at] = square.x;
    results[quad.at + 1u] = square.y;
    results[quad.at + 2u] = square.z;
    results[quad.at + 3u] = square.w;
}

fn after_block(thread: u32, first: u32, units: u32, m: u32, n: u32) {
    for (var i = thread; i < units * EDGE; i += THREADS) {
        let unit = first + i / EDGE;
        let to = unit % 2u * ROWS + unit / 2u * (ROWS / 2u) + m * EDGE + i % EDGE;
        var sum = 0.0;
        if (n > 0u) {
            sum = squares[to];
        }
        for (var voxel = 0u; voxel < EDGE; voxel++) {
            sum += results[i / EDGE * RESULT + voxel * RESULT_STRIDE + i % EDGE];
        }
        squares[to] = sum;
    }
    workgroupBarrier();
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
) {
    tile_product(group, thread, subgroup, subgroups, params.in4);
    for (var row4 = thread; row4 < ROWS / 4u; row4 += THREADS) {
        let e4 = group.y * (ROWS / 4u) + row4;
        if (e4 < params.hidden4) {
            var sum: vec4<f32>;
            for (var i = 0u; i < 4u; i++) {
                sum[i] = squares[row4 * 4u + i] + squares[ROWS + row4 * 4u + i];
            }
            partial[(group.z * params.tiles + group.x) * params.hidden4 + e4] = sum;
        }
    }
}
