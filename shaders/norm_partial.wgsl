// First stage of instance statistics: mean and M2 (sum of squared deviations) of one plane of four channels.
//
// Sums are taken about a shift (the plane's first value), so that a large mean does not cancel the variance, and the
// threads' results are merged pairwise in a fixed order (Chan, Golub & LeVeque 1979). A plane's result depends on nothing
// but the plane, so slabs never change it. partial is [z][channel/4][mean, M2] of vec4.

struct Params {
    voxels: u32, // per plane and channel
    plane: u32,
    channels4: u32,
    first: u32, // plane of partial that the slab's first plane writes
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read_write> partial: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let c4 = group.x;
    let base = group.y * params.plane + c4 * params.voxels;
    let shift = vec4<f32>(x[base]);
    var count = 0.0;
    var sum = vec4<f32>(0.0);
    var squares = vec4<f32>(0.0);
    for (var i = thread; i < params.voxels; i += 64u) {
        let v = vec4<f32>(x[base + i]) - shift;
        sum += v;
        squares += v * v;
        count += 1.0;
    }
    let mean = sum / max(count, 1.0);
    merge_moments(thread, Moments(count, shift + mean, squares - sum * mean));
    if (thread == 0u) {
        let to = ((params.first + group.y) * params.channels4 + c4) * 2u;
        partial[to] = moments[0].mean;
        partial[to + 1u] = moments[0].m2;
    }
}
