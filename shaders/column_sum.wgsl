// Sums the rows of a matrix in a fixed order: y[batch][c] = sum over r of x[batch][r][c], c in groups of four.
//
// One workgroup per batch and column group; THREADS strided sums, then a pairwise tree, so the result never depends on the device's
// scheduling.
// Constants from the plan: THREADS.

struct Params {
    rows: u32,
    columns4: u32,
    first: u32, // batch of y that the first workgroup writes
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

var<workgroup> sums: array<vec4<f32>, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let base = group.y * params.rows * params.columns4 + group.x;
    var sum = vec4<f32>(0.0);
    for (var row = thread; row < params.rows; row += THREADS) {
        sum += x[base + row * params.columns4];
    }
    sums[thread] = sum;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if (thread < half) {
            sums[thread] += sums[thread + half];
        }
        workgroupBarrier();
    }
    if (thread == 0u) {
        y[(params.first + group.y) * params.columns4 + group.x] = sums[0];
    }
}
