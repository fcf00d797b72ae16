// `depthwise_rolling` for software drivers, STRIP x 2 voxels of RUN planes per thread:
//
//   y[o] = b + sum_t w[t] x[o + t - KERNEL/2]
//   partial = mean and M2 of what each subgroup wrote of a plane
//
// Tensors lie as in `depthwise.wgsl`. Why this shape: there a load costs as much as dozens of multiply-adds, so a row of inputs is
// loaded once for all columns of two rows of outputs in all the planes it reaches, and a row of weights once per subgroup, one tap per
// thread, passed round by thread number. The second row of outputs is one behind: it takes each row of inputs with the weights of the
// step before. At 32 channels of 64^3 planes one by one take 1.3 times as long.
// Constants from the plan: KERNEL (at most GROUP), STRIP, ROW (STRIP + KERNEL - 1), GROUP (threads of a subgroup), RUN.

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

@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let strips = (params.out_x + STRIP - 1u) / STRIP;
    // A thread without work does another's, because its neighbours need the weights it loads.
    let own = group.x * GROUP + thread;
    let all = strips * ((params.out_y + 1u) / 2u);
    let index = min(own, all - 1u);
    let first_x = index % strips * STRIP;
    let first_y = index / strips * 2u;
    let c4 = group.y;
    // Not constant: written out, the stores would take long to compile.
    let columns = min(STRIP, params.out_x - first_x);
    let rows = select(0u, min(2u, params.out_y - first_y), own == index);
    let count = subgroupAdd(f32(rows * columns));
    let tap = min(thread, KERNEL - 1u) * params.channels4 + c4;
    let to = (c4 * params.out_y + first_y) * params.out_x + first_x;

    // Sums of KERNEL planes under way, the oldest first, which the input at hand completes; then those of one not begun.
    var upper: array<vec4<f32>, (KERNEL + 1u) * STRIP>;
    var lower: array<vec4<f32>, (KERNEL + 1u) * STRIP>;
    let b = bias[c4];
    //repeat i STRIP
    //repeat j KERNEL
    upper[{j}u * STRIP + {i}u] = b;
    lower[{j}u * STRIP + {i}u] = b;
    //end
    upper[KERNEL * STRIP + {i}u] = b;
    lower[KERNEL * STRIP + {i}u] = b;
    //end
    let first = group.z * RUN;
    // The binding holds the slab and nothing else.
    let last = min(first + RUN, arrayLength(&y) / params.out_plane);
    for (var reached = first; reached < last + KERNEL - 1u; reached++) {
        let z = params.out_first + reached - PAD;
        if (z < params.in_z) {
            //repeat j KERNEL
            //repeat k KERNEL
            var before{j}_{k} = vec4<f32>(0.0);
            //end
            //end
            for (var ky = 0u; ky <= KERNEL; ky++) {
                let in_y = first_y + ky - PAD;
                let base = (z - params.in_first) * params.in_plane + (c4 * params.in_y + min(in_y, params.in_y - 1u)) * params.in_x;
                var row: array<vec4<f32>, ROW>;
                //repeat i ROW
                let x{i} = first_x + {i}u - PAD;
                let value{i} = vec4<f32>(x[base + min(x{i}, params.in_x - 1u)]);
                row[{i}] = select(vec4<f32>(0.0), value{i}, x{i} < params.in_x && in_y < params.in_y);
                //end
                //repeat j KERNEL
                var mine{j} = vec4<f32>(0.0);
                if (ky < KERNEL) {
                    mine{j} = weight[((KERNEL - 1u - {j}u) * KERNEL + ky) * KERNEL * params.channels4 + tap];
                }
                //repeat k KERNEL
                let w{j}_{k} = subgroupBroadcast(mine{j}, {k}u);
                //repeat i STRIP
                upper[{j}u * STRIP + {i}u] += w{j}_{k} * row[{i}u + {k}u];
                lower[{j}u * STRIP + {i}u] += before{j}_{k} * row[{i}u + {k}u];
                //end
                before{j}_{k} = w{j}_{k};
                //end
                //end
            }
        }
        if (reached >= first + KERNEL - 1u) {
            let plane = reached - (KERNEL - 1u);
            var sums: array<vec4<f32>, 2u * STRIP>;
            //repeat i STRIP
            sums[{i}u] = kept(upper[{i}u]);
            sums[STRIP + {i}u] = kept(lower[{i}u]);
            //end
            var sum = vec4<f32>(0.0);
            for (var r = 0u; r < rows; r++) {
                for (var i = 0u; i < columns; i++) {
                    let value = sums[r * STRIP + i];
                    y[plane * params.out_plane + to + r * params.out_x + i] = stored(value);
                    sum += value;
                }
            }
            // Deviations from the subgroup's own mean, so that a large mean does not cancel the variance.
            let mean = subgroupAdd(sum) / count;
            var m2 = vec4<f32>(0.0);
            for (var r = 0u; r < rows; r++) {
                for (var i = 0u; i < columns; i++) {
                    let delta = sums[r * STRIP + i] - mean;
                    m2 += delta * delta;
                }
            }
            m2 = subgroupAdd(m2);
            if (thread == 0u) {
                let at = ((plane * ((all + GROUP - 1u) / GROUP) + group.x) * params.channels4 + c4) * 3u;
                partial[at] = mean;
                partial[at + 1u] = m2;
                partial[at + 2u] = vec4<f32>(count);
            }
        }
        //repeat j KERNEL
        //repeat i STRIP
        upper[{j}u * STRIP + {i}u] = upper[{j}u * STRIP + STRIP + {i}u];
        lower[{j}u * STRIP + {i}u] = lower[{j}u * STRIP + STRIP + {i}u];
        //end
        //end
    }
}
