// Instance normalisation as one affine per channel, from the moments of its planes:
//
//   scale = gamma / sqrt(M2 / n + eps),  shift = beta - mean * scale      (GroupNorm(C, C), biased variance, eps 1e-5)
//
// The affine is applied where the next pass loads its input, so the normalised tensor is never stored.
// partial is [z][channel/4][mean, M2, count]; affine is [channel/4][scale, shift]; norm is [channel/4][gamma, beta].
// Constants from the plan: THREADS.

struct Params {
    planes: u32,
    voxels: u32, // per plane and channel
    channels4: u32,
    eps: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> norm: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> affine: array<vec4<f32>>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let c4 = group.x;
    let stride = params.channels4 * 3u;
    let count = f32(params.planes) * f32(params.voxels);
    let all = merged(thread, c4 * 3u, params.planes * stride, stride, count);
    if (thread == 0u) {
        let scale = norm[c4 * 2u] / sqrt(all.m2 / count + params.eps);
        affine[c4 * 2u] = scale;
        affine[c4 * 2u + 1u] = norm[c4 * 2u + 1u] - all.mean * scale;
    }
}
