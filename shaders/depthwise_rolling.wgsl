// `depthwise` with stride 1, rolling through RUN planes:
//
//   y[o] = b + sum_t w[t] x[o + t - KERNEL/2]
//   partial = mean and M2 of what each workgroup wrote of a plane
//
// Tensors and slabs lie as in `depthwise.wgsl`, and every sum has the order it has there. A thread computes STRIP neighbours in x of
// plane after plane: each plane of inputs is loaded once and added to all KERNEL outputs it reaches, so that a thread loads 5.6 values
// instead of 13.5 per output of a 3^3 kernel. The price is registers, (KERNEL + 1) * STRIP of vec4, and fewer threads; which of the two
// kernels is faster is measured on each device.
// Constants from the plan: KERNEL, STRIP, ROW (STRIP + KERNEL - 1), THREADS, RUN.

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

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let strips = (params.out_x + STRIP - 1u) / STRIP;
    let all = strips * params.out_y;
    // A thread without work does another's, because all must meet at the barriers.
    let own = group.x * THREADS + thread;
    let index = min(own, all - 1u);
    let first_x = index % strips * STRIP;
    let out_y = index / strips;
    let c4 = group.y;
    let columns = select(0u, min(STRIP, params.out_x - first_x), own == index);
    let to = (c4 * params.out_y + out_y) * params.out_x + first_x;

    // Sums of KERNEL planes under way, the oldest first, which the input at hand completes; then those of one not begun. Indices are
    // written out, because drivers keep an array in registers only if they know them.
    var sums: array<vec4<f32>, (KERNEL + 1u) * STRIP>;
    let b = bias[c4];
    //repeat i STRIP
    //repeat j KERNEL
    sums[{j}u * STRIP + {i}u] = b;
    //end
    sums[KERNEL * STRIP + {i}u] = b;
    //end
    let first = group.z * RUN;
    // The binding holds the slab and nothing else.
    let last = min(first + RUN, arrayLength(&y) / params.out_plane);
    for (var reached = first; reached < last + KERNEL - 1u; reached++) {
        let z = params.out_first + reached - PAD;
        for (var ky = 0u; ky < KERNEL; ky++) {
            let in_y = out_y + ky - PAD;
            if (z >= params.in_z || in_y >= params.in_y) {
                continue;
            }
            let base = (z - params.in_first) * params.in_plane + (c4 * params.in_y + in_y) * params.in_x;
            var row: array<vec4<f32>, ROW>;
            //repeat i ROW
            let x{i} = first_x + {i}u - PAD;
            let value{i} = vec4<f32>(x[base + min(x{i}, params.in_x - 1u)]);
            row[{i}] = select(vec4<f32>(0.0), value{i}, x{i} < params.in_x);
            //end
            //repeat k KERNEL
            //repeat j KERNEL
            let w{j}_{k} = weight[(((KERNEL - 1u - {j}u) * KERNEL + ky) * KERNEL + {k}u) * params.channels4 + c4];
            //repeat i STRIP
            sums[{j}u * STRIP + {i}u] += w{j}_{k} * row[{i}u + {k}u];
            //end
            //end
            //end
        }
        if (reached >= first + KERNEL - 1u) {
            let plane = reached - (KERNEL - 1u);
            var done: array<vec4<f32>, STRIP>;
            //repeat i STRIP
            done[{i}] = kept(sums[{i}]);
            if ({i}u < columns) {
                y[plane * params.out_plane + to + {i}u] = stored(done[{i}]);
            }
            //end
            measure(thread, done, columns);
            if (thread == 0u) {
                let at = ((plane * ((all + THREADS - 1u) / THREADS) + group.x) * params.channels4 + c4) * 3u;
                partial[at] = moments[0].mean;
                partial[at + 1u] = moments[0].m2;
                partial[at + 2u] = vec4<f32>(moments[0].count);
            }
        }
        //repeat j KERNEL
        //repeat i STRIP
        sums[{j}u * STRIP + {i}u] = sums[{j}u * STRIP + STRIP + {i}u];
        //end
        //end
    }
}
