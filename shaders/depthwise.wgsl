// Depthwise convolution, kernel KERNEL^3, padding KERNEL/2, stride STRIDE (1 or 2).
//
//   y[o] = b + sum_t w[t] x[o * STRIDE + t - KERNEL/2]
//   partial = mean and M2 of what each workgroup wrote
//
// Tensors are [z][channel/4][y][x] of vec4; w is [tap z][tap y][tap x][channel/4]. A thread computes STRIP neighbours in x,
// so that a row of inputs is loaded once for all of them. The bound slab of x starts at global plane `in_first`,
// that of y and partial at `out_first`. partial is [z][workgroup of a plane][channel/4][mean, M2, count] of vec4: instance norm needs
// the statistics, and reading y again for them would take as much traffic as this kernel itself. A workgroup never crosses a plane, so
// slabs change nothing.
// Constants from the plan: KERNEL, STRIDE, STRIP, THREADS.

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
@group(0) @binding(5) var<storage, read_write> partial: array<vec4<f32>>;

const ROW: u32 = (STRIP - 1u) * STRIDE + KERNEL;
const PAD: i32 = i32(KERNEL / 2u);

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let strips = (params.out_x + STRIP - 1u) / STRIP;
    let all = strips * params.out_y;
    // A thread without work does another's, because all must meet at the barriers.
    let own = group.x * THREADS + thread;
    let index = min(own, all - 1u);
    let first_x = (index % strips) * STRIP;
    let out_y = index / strips;
    let c4 = group.y;
    let out_z = params.out_first + group.z;
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
    let to = group.z * params.out_plane + (c4 * params.out_y + out_y) * params.out_x + first_x;
    let columns = select(0u, min(STRIP, params.out_x - first_x), own == index);
    for (var i = 0u; i < STRIP; i++) {
        sums[i] = kept(sums[i]);
        if (i < columns) {
            y[to + i] = stored(sums[i]);
        }
    }
    measure(thread, sums, columns);
    if (thread == 0u) {
        let at = ((group.z * ((all + THREADS - 1u) / THREADS) + group.x) * params.channels4 + c4) * 3u;
        partial[at] = moments[0].mean;
        partial[at + 1u] = moments[0].m2;
        partial[at + 2u] = vec4<f32>(moments[0].count);
    }
}
