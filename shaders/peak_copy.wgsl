// What a device's memory moves at best: y[i] = x[i].
//
// For benchmarks only: other kernels' traffic is printed as a share of this one's. Neighbouring threads move neighbouring vec4, and
// the arrays are larger than any cache.

struct Params {
    count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < params.count; i += groups.x * 64u) {
        y[i] = x[i];
    }
}
