// Adds the output of a tile to the weighted sums of the image:
//
//   s[c][origin + t] += g[t] * share * x[c][m(t)];  m(t) = patch - 1 - t along mirrored axes, else t
//
// and, where `counts` is set, g[t] to the sum of weights. What lies outside the image is dropped.
//
// x is [z][channel/4][y][x] of vec4; g is [z][y][x] and s is [z][channel][y][x] of f32, the sum of weights being channel `weights`.
// The bound slabs hold the same planes, those of x in reverse where z is mirrored. One thread per voxel of the tile and group of
// four channels, so that no sum has two writers and each grows in the order of the tiles.

struct Params {
    patch_x: u32,
    patch_y: u32,
    planes: u32,
    tile_plane: u32,
    channels: u32,
    first_channel: u32,
    weights: u32,
    weight_plane: u32,
    image_x: u32,
    image_y: u32,
    sum_plane: u32,
    origin_x: i32,
    origin_y: i32,
    flip_x: u32,
    flip_y: u32,
    flip_z: u32,
    counts: u32,
    share: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> gaussian: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let area = params.patch_x * params.patch_y;
    let tile_x = id.x % params.patch_x;
    let tile_y = id.x / params.patch_x;
    let at_x = params.origin_x + i32(tile_x);
    let at_y = params.origin_y + i32(tile_y);
    if (id.x >= area || at_x < 0 || at_x >= i32(params.image_x) || at_y < 0 || at_y >= i32(params.image_y)) {
        return;
    }
    let plane = select(id.z, params.planes - 1u - id.z, params.flip_z != 0u);
    let from_x = select(tile_x, params.patch_x - 1u - tile_x, params.flip_x != 0u);
    let from_y = select(tile_y, params.patch_y - 1u - tile_y, params.flip_y != 0u);
    let value = vec4<f32>(x[plane * params.tile_plane + id.y * area + from_y * params.patch_x + from_x]);
    let weight = gaussian[id.z * params.weight_plane + id.x];
    let image_area = params.image_x * params.image_y;
    let to = id.z * params.sum_plane + u32(at_y) * params.image_x + u32(at_x);
    let first = id.y * 4u;
    for (var i = 0u; i < min(4u, params.channels - first); i++) {
        sums[to + (params.first_channel + first + i) * image_area] += weight * params.share * value[i];
    }
    if (params.counts != 0u && id.y == 0u) {
        sums[to + params.weights * image_area] += weight;
    }
}
