// Cuts a tile out of the image, as the network sees it:
//
//   y[t] = x[origin + m(t)], 0 outside the image;  m(t) = patch - 1 - t along mirrored axes, else t
//
// x is [z][channel][y][x] of f32, y is [z][channel/4][y][x] of vec4. The bound slabs hold the same planes, those of y in reverse
// where z is mirrored. One thread per voxel of the tile and group of four channels.

struct Params {
    patch_x: u32,
    patch_y: u32,
    planes: u32,
    tile_plane: u32,
    channels: u32,
    image_x: u32,
    image_y: u32,
    image_plane: u32,
    origin_x: i32,
    origin_y: i32,
    flip_x: u32,
    flip_y: u32,
    flip_z: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<Stored>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let area = params.patch_x * params.patch_y;
    if (id.x >= area) {
        return;
    }
    let tile_x = id.x % params.patch_x;
    let tile_y = id.x / params.patch_x;
    let at_x = params.origin_x + i32(select(tile_x, params.patch_x - 1u - tile_x, params.flip_x != 0u));
    let at_y = params.origin_y + i32(select(tile_y, params.patch_y - 1u - tile_y, params.flip_y != 0u));
    var value = vec4<f32>(0.0);
    if (at_x >= 0 && at_x < i32(params.image_x) && at_y >= 0 && at_y < i32(params.image_y)) {
        let image_area = params.image_x * params.image_y;
        let first = id.y * 4u;
        let source = id.z * params.image_plane + first * image_area + u32(at_y) * params.image_x + u32(at_x);
        for (var i = 0u; i < min(4u, params.channels - first); i++) {
            value[i] = x[source + i * image_area];
        }
    }
    let plane = select(id.z, params.planes - 1u - id.z, params.flip_z != 0u);
    y[plane * params.tile_plane + id.y * area + id.x] = stored(value);
}
