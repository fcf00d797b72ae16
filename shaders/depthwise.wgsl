// Depthwise convolution, kernel KERNEL^3, padding KERNEL/2, stride STRIDE (1 or 2).
//
//   y[o] = b + sum_t w[t] x[o * STRIDE + t - KERNEL/2]
//
// Tensors are [z][channel/4][y][x] of vec4; w is [tap z][tap y][tap x][channel/4]. A thread computes STRIP neighbours in x,
// so that a row of inputs is loaded once for all of them. The bound slab of x starts at global plane `in_first`,
// that of y at `out_first`.
// Constants from the plan: KERNEL, STRIDE, STRIP.

struct Params {
    out_x: u32,
    out_y: u32,
    out_first: u32,
    out_plane: u32,
    in_x: u32,
    in_y: u32,
    in_z: u32,
    in_first: u32,
    in_plane: u32,
    channels4: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<Stored>;

const ROW: u32 = (STRIP - 1u) * STRIDE + KERNEL;
const PAD: i32 = i32(KERNEL / 2u);

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let strips = (params.out_x + STRIP - 1u) / STRIP;
    if (id.x >= strips * params.out_y) {
        return;
    }
    let first_x = (id.x % strips) * STRIP;
    let out_y = id.x / strips;
    let c4 = id.y;
    let out_z = params.out_first + id.z;
    var sums: array<vec4<f32>, STRIP>;
    for (var i = 0u; i < STRIP; i++) {
        sums[i] = bias[c4];
    }
    let left = i32(first_x * STRIDE) - PAD;
    for (var kz = 0u; kz < KERNEL; kz++) {
        let z = i32(out_z * STRIDE + kz) - PAD;
        if (z < 0 || z >= i32(params.in_z)) {
            continue;
        }
        for (var ky = 0u; ky < KERNEL; ky++) {
            let in_y = i32(out_y * STRIDE + ky) - PAD;
            if (in_y < 0 || in_y >= i32(params.in_y)) {
                continue;
            }
            let base = (u32(z) - params.in_first) * params.in_plane + (c4 * params.in_y + u32(in_y)) * params.in_x;
            var row: array<vec4<f32>, ROW>;
            for (var i = 0u; i < ROW; i++) {
                let in_x = left + i32(i);
                if (in_x >= 0 && in_x < i32(params.in_x)) {
                    row[i] = vec4<f32>(x[base + u32(in_x)]);
                } else {
                    row[i] = vec4<f32>(0.0);
                }
            }
            for (var kx = 0u; kx < KERNEL; kx++) {
                let w = weight[((kz * KERNEL + ky) * KERNEL + kx) * params.channels4 + c4];
                for (var i = 0u; i < STRIP; i++) {
                    sums[i] += w * row[i * STRIDE + kx];
                }
            }
        }
    }
    let to = id.z * params.out_plane + (c4 * params.out_y + out_y) * params.out_x + first_x;
    for (var i = 0u; i < STRIP; i++) {
        if (first_x + i < params.out_x) {
            y[to + i] = stored(sums[i]);
        }
    }
}
