// Mean and M2 of many sets of values together, by the THREADS threads of a workgroup: those of `partial`, which lie `stride` apart
// between `first` and `end`, each as mean, M2, count.
//
// Why two sweeps: the mean is known before deviations from it are summed, so nothing cancels, and the loads of a sweep do not wait
// for each other, as they would if sets were merged one by one. Means are summed about the first one, for the same reason.
struct Moments {
    mean: vec4<f32>,
    m2: vec4<f32>,
}

var<workgroup> sums: array<vec4<f32>, THREADS>;

// Of all threads, added pairwise in a fixed order.
fn total(thread: u32, mine: vec4<f32>) -> vec4<f32> {
    sums[thread] = mine;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if (thread < half) {
            sums[thread] += sums[thread + half];
        }
        workgroupBarrier();
    }
    let all = sums[0];
    workgroupBarrier();
    return all;
}

fn merged(thread: u32, first: u32, end: u32, stride: u32, count: f32) -> Moments {
    let origin = partial[first];
    var offsets = vec4<f32>(0.0);
    for (var at = first + thread * stride; at < end; at += THREADS * stride) {
        offsets += partial[at + 2u] * (partial[at] - origin);
    }
    let mean = origin + total(thread, offsets) / count;
    var m2 = vec4<f32>(0.0);
    for (var at = first + thread * stride; at < end; at += THREADS * stride) {
        let delta = partial[at] - mean;
        m2 += partial[at + 1u] + partial[at + 2u] * delta * delta;
    }
    return Moments(mean, total(thread, m2));
}
