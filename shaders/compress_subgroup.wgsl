// `compress` for software drivers, a tile and ROWS groups of four outputs per subgroup:
//
//   y[p + shift] += W2 (s * h[p]) + b2
//
// Tensors lie as in `compress.wgsl`; why the product has this shape is said in `shared/subgroup_product.wgsl`. What follows the
// product stays a loop, whose bound is not a constant: written out, it would take seconds to compile.

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
@group(0) @binding(3) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> b2: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> y: array<Stored>;

fn factors(c4: u32, thread: u32) -> vec4<f32> {
    return scale[c4];
}

fn input(at: u32, shared_factors: vec4<f32>) -> vec4<f32> {
    return shared_factors * vec4<f32>(hidden[at]);
}

@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let first_plane = group.z * params.planes;
    let count = min(params.planes, params.slab_planes - first_plane) * params.voxels;
    let first = group.x * VOXELS + thread;
    let first_row = group.y * ROWS;
    let tile = (group.z * params.tiles + group.x) * params.hidden4 * VOXELS + thread;
    var sources: array<u32, LANES>;
    var places: array<u32, LANES>;
    //repeat lane LANES
    sources[{lane}] = tile + {lane}u * GROUP;
    let v{lane} = min(first + {lane}u * GROUP, count - 1u);
    let pixel{lane} = v{lane} % params.voxels;
    places[{lane}] = (first_plane + v{lane} / params.voxels) * params.out_plane
        + (pixel{lane} / params.d_x + params.shift) * params.out_x + pixel{lane} % params.d_x + params.shift;
    //end
    var sums = product(sources, VOXELS, params.hidden4, first_row, params.out4 - 1u, thread);

    let rows = min(ROWS, params.out4 - first_row);
    let lanes = (min(VOXELS, count - group.x * VOXELS) + GROUP - 1u) / GROUP;
    for (var i = 0u; i < rows; i++) {
        let bias = b2[first_row + i];
        for (var lane = 0u; lane < lanes; lane++) {
            if (first + lane * GROUP < count) {
                let slot = places[lane] + (first_row + i) * params.out_x * params.out_y;
                y[slot] = stored(vec4<f32>(y[slot]) + sums[i * LANES + lane] + bias);
            }
        }
    }
}
