// Mean and M2 of whole planes, from those that the workgroups of a depthwise convolution left of their tiles:
//
//   mean = sum n_i mean_i / n,  M2 = sum M2_i + n_i (mean_i - mean)^2
//
// One workgroup per plane and four channels. partial is [z][tile of a plane][channel/4][mean, M2, count] of the slab at hand; moments
// is [z][channel/4][mean, M2, count] of the whole tensor, where the slab begins at plane `first`.
//
// Why a stage of its own: tiles are as many as their workgroups, and those of software drivers are small (24 MiB of partials for the
// last up block of a 128^3 patch). Merged slab by slab they need no more than a slab's room, in a binding of any size; and
// because each plane is merged alone, slabs change no bit.
// Constants from the plan: THREADS.

struct Params {
    tiles: u32, // of a plane
    voxels: u32, // per plane and channel
    channels4: u32,
    first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> moments: array<vec4<f32>>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let stride = params.channels4 * 3u;
    let plane = group.y * params.tiles * stride;
    let all = merged(thread, plane + group.x * 3u, plane + params.tiles * stride, stride, f32(params.voxels));
    if (thread == 0u) {
        let at = (params.first + group.y) * stride + group.x * 3u;
        moments[at] = all.mean;
        moments[at + 1u] = all.m2;
        moments[at + 2u] = vec4<f32>(f32(params.voxels));
    }
}
