// Transposed depthwise convolution, kernel KERNEL^3, stride 2, padding KERNEL/2: n voxels become 2n-1 along every axis.
//
//   y[o] = b + sum over t with (o + KERNEL/2 - t) even of w[t] x[(o + KERNEL/2 - t) / 2]
//
// Tensors are [z][channel/4][y][x] of vec4; w is [tap z][tap y][tap x][channel/4]. One thread per output voxel, which has at most
// ((KERNEL + 1) / 2)^3 of the taps: those of its own parity. The bound
// slab of x starts at global plane `in_first`, that of y at `out_first`.
// Constants from the plan: KERNEL.

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

const PAD: u32 = KERNEL / 2u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= params.out_x * params.out_y) {
        return;
    }
    let out_x = id.x % params.out_x;
    let out_y = id.x / params.out_x;
    let c4 = id.y;
    let out_z = params.out_first + id.z;
    var sum = bias[c4];
    // Taps of the right parity only; `at` is twice the input index.
    for (var kz = (out_z + PAD) & 1u; kz < KERNEL; kz += 2u) {
        let at_z = i32(out_z + PAD) - i32(kz);
        if (at_z < 0 || at_z / 2 >= i32(params.in_z)) {
            continue;
        }
        for (var ky = (out_y + PAD) & 1u; ky < KERNEL; ky += 2u) {
            let at_y = i32(out_y + PAD) - i32(ky);
            if (at_y < 0 || at_y / 2 >= i32(params.in_y)) {
                continue;
            }
            let base = (u32(at_z / 2) - params.in_first) * params.in_plane + (c4 * params.in_y + u32(at_y / 2)) * params.in_x;
            for (var kx = (out_x + PAD) & 1u; kx < KERNEL; kx += 2u) {
                let at_x = i32(out_x + PAD) - i32(kx);
                if (at_x < 0 || at_x / 2 >= i32(params.in_x)) {
                    continue;
                }
                let w = weight[((kz * KERNEL + ky) * KERNEL + kx) * params.channels4 + c4];
                sum += w * vec4<f32>(x[base + u32(at_x / 2)]);
            }
        }
    }
    y[id.z * params.out_plane + (c4 * params.out_y + out_y) * params.out_x + out_x] = stored(sum);
}
