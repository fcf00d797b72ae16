// Global response normalisation as one factor per hidden channel (ConvNeXt V2; reduction over channels as the model says):
//
//   g = sqrt(sum h^2),  n = g / (sum over channels of g / divisor + eps),  scale = 1 + gamma n
//
// `divisor` is the channel count for the mean (public MedNeXt code) and 1 for the sum (paper text). The offset beta is folded
// into the bias of the compressing convolution when weights are packed. Padding channels have h = 0 and add nothing.
// One workgroup: there are at most a few thousand channels, and all must be summed before the first factor is known.

struct Params {
    hidden4: u32,
    divisor: f32,
    eps: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> squares: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gamma: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> scale: array<vec4<f32>>;

var<workgroup> sums: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32) {
    var sum = vec4<f32>(0.0);
    for (var e4 = thread; e4 < params.hidden4; e4 += 64u) {
        sum += sqrt(squares[e4]);
    }
    sums[thread] = sum;
    workgroupBarrier();
    for (var half = 32u; half > 0u; half /= 2u) {
        if (thread < half) {
            sums[thread] += sums[thread + half];
        }
        workgroupBarrier();
    }
    let total = sums[0].x + sums[0].y + sums[0].z + sums[0].w;
    let denominator = total / params.divisor + params.eps;
    for (var e4 = thread; e4 < params.hidden4; e4 += 64u) {
        scale[e4] = 1.0 + gamma[e4] * sqrt(squares[e4]) / denominator;
    }
}
