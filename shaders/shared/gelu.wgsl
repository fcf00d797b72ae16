// Exact GELU, u/2 * (1 + erf(u / sqrt 2)), with erf by Abramowitz & Stegun 7.1.26 (absolute error below 7e-7 in f32), whose
// erf(x) = 1 - tail(x) for x >= 0 makes it max(u, 0) - |u|/2 * tail(|u| / sqrt 2).
// The tanh approximation is not what PyTorch's nn.GELU() computes.
fn gelu(u: vec4<f32>) -> vec4<f32> {
    let x = abs(u) * 0.70710678;
    let t = 1.0 / (1.0 + 0.3275911 * x);
    let poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    let tail = poly * exp(-x * x);
    return max(u, vec4<f32>(0.0)) - 0.70710678 * x * tail;
}
