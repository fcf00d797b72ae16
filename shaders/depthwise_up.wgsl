// Transposed depthwise convolution, kernel KERNEL^3, stride 2, padding KERNEL/2: n voxels become 2n-1 along every axis.
//
//   y[o] = b + sum over t with (o + KERNEL/2 - t) even of w[t] x[(o + KERNEL/2 - t) / 2]
//   partial = mean and M2 of what each workgroup computed
//
// Tensors are [z][channel/4][y][x] of vec4; w is [tap z][tap y][tap x][channel/4]; the bound slab of x starts at global plane
// `in_first`, that of y and partial at `out_first`. partial lies as in `depthwise.wgsl`. A thread computes STRIP neighbours in x,
// from an even one on: which taps reach which of them is then known beforehand, and a row of half as many inputs serves them all.
// Steps are written out, because drivers that do not unroll such loops keep row and sums in memory (twice the time on Mesa's
// software driver). The result of a large block is computed again in every pass that reads it: VALUES says whether this one stores
// it, MOMENTS whether it wants the statistics.
// Constants from the plan: KERNEL, STRIP (even), ROW, THREADS, VALUES, MOMENTS.

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

const PAD: u32 = KERNEL / 2u;
// Inputs before the strip's own first one.
const BEFORE: u32 = PAD / 2u;

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
            var row: array<vec4<f32>, ROW>;
            //repeat i ROW
            let x{i} = first_x / 2u + {i}u - BEFORE;
            let value{i} = vec4<f32>(x[base + min(x{i}, params.in_x - 1u)]);
            row[{i}] = select(vec4<f32>(0.0), value{i}, x{i} < params.in_x);
            //end
            //repeat k KERNEL
            let w{k} = weight[((kz * KERNEL + ky) * KERNEL + {k}u) * params.channels4 + c4];
            //repeat i STRIP
            if ((PAD + {k}u + {i}u) % 2u == 0u) {
                sums[{i}] += w{k} * row[(max({i}u + PAD + 2u * BEFORE, {k}u) - {k}u) / 2u];
            }
            //end
            //end
        }
    }
    let to = group.z * params.out_plane + (c4 * params.out_y + out_y) * params.out_x + first_x;
    let columns = select(0u, min(STRIP, params.out_x - first_x), own == index);
    for (var i = 0u; i < STRIP; i++) {
        sums[i] = kept(sums[i]);
        if (VALUES != 0u && i < columns) {
            y[to + i] = stored(sums[i]);
        }
    }
    if (MOMENTS != 0u) {
        measure(thread, sums, columns);
        if (thread == 0u) {
            let at = ((group.z * ((all + THREADS - 1u) / THREADS) + group.x) * params.channels4 + c4) * 3u;
            partial[at] = moments[0].mean;
            partial[at + 1u] = moments[0].m2;
            partial[at + 2u] = vec4<f32>(moments[0].count);
        }
    }
}
