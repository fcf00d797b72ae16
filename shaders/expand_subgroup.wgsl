// `expand` for software drivers, a tile and ROWS groups of four hidden channels per subgroup:
//
//   h = gelu(W1 (a d + t) + b1),  partial[e] = sum over the tile's voxels of h[e]^2
//
// Tensors lie as in `expand.wgsl`; why the product has this shape is said in `shared/subgroup_product.wgsl`. What follows the
// product stays a loop, whose bound is not a constant: written out, it would take seconds to compile.

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
@group(0) @binding(3) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> b1: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> hidden: array<Stored>;
@group(0) @binding(6) var<storage, read_write> partial: array<vec4<f32>>;

struct Factors {
    a: vec4<f32>,
    t: vec4<f32>,
}

fn factors(c4: u32, thread: u32) -> Factors {
    let mine = affine[c4 * 2u + thread % 2u];
    return Factors(subgroupBroadcast(mine, 0u), subgroupBroadcast(mine, 1u));
}

fn input(at: u32, shared_factors: Factors) -> vec4<f32> {
    return shared_factors.a * vec4<f32>(d[at]) + shared_factors.t;
}

@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let first_plane = group.z * params.planes;
    let count = min(params.planes, params.slab_planes - first_plane) * params.voxels;
    let first = group.x * VOXELS + thread;
    let first_row = group.y * ROWS;
    var sources: array<u32, LANES>;
    //repeat lane LANES
    let v{lane} = min(first + {lane}u * GROUP, count - 1u);
    sources[{lane}] = (first_plane + v{lane} / params.voxels) * params.plane + v{lane} % params.voxels;
    //end
    var sums = product(sources, params.voxels, params.in4, first_row, params.hidden4 - 1u, thread);

    let tile = (group.z * params.tiles + group.x) * params.hidden4;
    let rows = min(ROWS, params.hidden4 - first_row);
    let lanes = (min(VOXELS, count - group.x * VOXELS) + GROUP - 1u) / GROUP;
    for (var i = 0u; i < rows; i++) {
        let e4 = first_row + i;
        let bias = b1[e4];
        var squares = vec4<f32>(0.0);
        for (var lane = 0u; lane < lanes; lane++) {
            let h = gelu(sums[i * LANES + lane] + bias);
            hidden[(tile + e4) * VOXELS + lane * GROUP + thread] = stored(h);
            if (first + lane * GROUP < count) {
                squares += h * h;
            }
        }
        squares = subgroupAdd(squares);
        if (thread == 0u) {
            partial[tile + e4] = squares;
        }
    }
}
