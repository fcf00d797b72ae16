// Resamples rows of mean features to one plane of the scan's grid, for networks with more classes than features:
//
//   y[row][c][voxel] = blend(x[c])
//
// The head is linear, so that it may follow averaging and resampling; each feature is blended once and read by many classes
// (`plane_head`). x is [channel][y][x] of f32, twice; y is [y][channel][x/4] of vec4. One thread per four neighbouring voxels and
// channel.

struct Params {
    columns: u32,
    first_row: u32,
    rows: u32,
    image_x: u32,
    area: u32,
    channels: u32,
    plane_weight: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> first: array<f32>;
@group(0) @binding(2) var<storage, read> last: array<f32>;
@group(0) @binding(3) var<storage, read> rows: array<Tap>;
@group(0) @binding(4) var<storage, read> columns: array<Tap>;
@group(0) @binding(5) var<storage, read_write> features: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let groups = (params.columns + 3u) / 4u;
    if (id.x >= groups * params.rows) {
        return;
    }
    let group = id.x % groups;
    let y = id.x / groups;
    let value = blended(id.y, rows[params.first_row + y], columns_from(4u * group));
    features[(y * params.channels + id.y) * groups + group] = value;
}
