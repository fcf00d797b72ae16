// Second stage of instance normalisation: merges the planes' moments and turns them into one affine per channel.
//
//   scale = gamma / sqrt(M2 / n + eps),  shift = beta - mean * scale      (GroupNorm(C, C), biased variance, eps 1e-5)
//
// The affine is applied where the next pass loads its input, so the normalised tensor is never stored.
// partial is [z][channel/4][mean, M2]; affine is [channel/4][scale, shift]; norm is [channel/4][gamma, beta].

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

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let c4 = group.x;
    var mine = Moments(0.0, vec4<f32>(0.0), vec4<f32>(0.0));
    for (var z = thread; z < params.planes; z += 64u) {
        let at = (z * params.channels4 + c4) * 2u;
        mine = merged(mine, Moments(f32(params.voxels), partial[at], partial[at + 1u]));
    }
    merge_moments(thread, mine);
    if (thread == 0u) {
        let variance = moments[0].m2 / moments[0].count;
        let scale = norm[c4 * 2u] / sqrt(variance + params.eps);
        affine[c4 * 2u] = scale;
        affine[c4 * 2u + 1u] = norm[c4 * 2u + 1u] - moments[0].mean * scale;
    }
}
