// What a device can compute at best: y[i] = f(f(...f(x[i]))), `rounds` times, with f(v) = a v + b.
//
// For benchmarks only: other kernels' rates are printed as a share of this one's. Eight independent chains per thread keep its
// multiply-add units busy; the data stay in registers.

struct Params {
    rounds: u32,
    a: f32,
    b: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let base = id.x * 8u;
    let a = vec4<f32>(params.a);
    let b = vec4<f32>(params.b);
    var v0 = x[base];
    var v1 = x[base + 1u];
    var v2 = x[base + 2u];
    var v3 = x[base + 3u];
    var v4 = x[base + 4u];
    var v5 = x[base + 5u];
    var v6 = x[base + 6u];
    var v7 = x[base + 7u];
    for (var round = 0u; round < params.rounds; round++) {
        v0 = fma(v0, a, b);
        v1 = fma(v1, a, b);
        v2 = fma(v2, a, b);
        v3 = fma(v3, a, b);
        v4 = fma(v4, a, b);
        v5 = fma(v5, a, b);
        v6 = fma(v6, a, b);
        v7 = fma(v7, a, b);
    }
    y[base] = v0;
    y[base + 1u] = v1;
    y[base + 2u] = v2;
    y[base + 3u] = v3;
    y[base + 4u] = v4;
    y[base + 5u] = v5;
    y[base + 6u] = v6;
    y[base + 7u] = v7;
}
