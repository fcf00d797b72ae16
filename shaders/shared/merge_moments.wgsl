// Pairwise merge of (count, mean, M2) over the 64 threads of a workgroup; the result lies in moments[0].
struct Moments {
    count: f32,
    mean: vec4<f32>,
    m2: vec4<f32>,
}

var<workgroup> moments: array<Moments, 64>;

fn merged(a: Moments, b: Moments) -> Moments {
    let count = a.count + b.count;
    let weight = b.count / max(count, 1.0);
    let delta = b.mean - a.mean;
    return Moments(count, a.mean + delta * weight, a.m2 + b.m2 + delta * delta * (a.count * weight));
}

fn merge_moments(thread: u32, mine: Moments) {
    moments[thread] = mine;
    workgroupBarrier();
    for (var half = 32u; half > 0u; half /= 2u) {
        if (thread < half) {
            moments[thread] = merged(moments[thread], moments[thread + half]);
        }
        workgroupBarrier();
    }
}
