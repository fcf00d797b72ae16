// Labels one plane of the scan's grid from the two planes of mean logits around it (nnU-Net `inference/export_prediction.py`: order-1
// resampling to the scan's size, then argmax or regions):
//
//   y[voxel] = label of pick over classes k of blend(x[k])
//
// x is [channel][y][x] of f32, twice; y is four bytes or two halves to a word, rows padded to four voxels. One thread per four
// neighbouring voxels, because labels are written in words; no logit of the scan's grid is ever stored.

struct Params {
    columns: u32,
    first_row: u32,
    rows: u32,
    image_x: u32,
    area: u32,
    channels: u32,
    regions: u32,
    plane_weight: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> first: array<f32>;
@group(0) @binding(2) var<storage, read> last: array<f32>;
@group(0) @binding(3) var<storage, read> rows: array<Tap>;
@group(0) @binding(4) var<storage, read> columns: array<Tap>;
@group(0) @binding(5) var<storage, read> values: array<u32>;
@group(0) @binding(6) var<storage, read_write> labels: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let groups = (params.columns + 3u) / 4u;
    if (id.x >= groups * params.rows) {
        return;
    }
    let group = id.x % groups;
    let y = params.first_row + id.x / groups;
    let row = rows[y];
    let at = columns_from(4u * group);
    for (var k = 0u; k < params.channels; k++) {
        offer(k, blended(k, row, at));
    }
    store_labels(y * groups + group);
}
