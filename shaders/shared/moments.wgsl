// Mean and M2 (sum of squared deviations) of what a workgroup of THREADS threads computed, STRIP values a thread at most.
//
// A thread takes its values' deviations from their own mean, so that a large mean does not cancel the variance; threads are merged
// pairwise in a fixed order (Chan, Golub & LeVeque 1979). The result lies in moments[0].
struct Moments {
    count: f32,
    mean: vec4<f32>,
    m2: vec4<f32>,
}

var<workgroup> moments: array<Moments, THREADS>;

fn merged(a: Moments, b: Moments) -> Moments {
    let count = a.count + b.count;
    let weight = b.count / max(count, 1.0);
    let delta = b.mean - a.mean;
    return Moments(count, a.mean + delta * weight, a.m2 + b.m2 + delta * delta * (a.count * weight));
}

fn measure(thread: u32, strip: array<vec4<f32>, STRIP>, count: u32) {
    var values = strip;
    var sum = vec4<f32>(0.0);
    for (var i = 0u; i < STRIP; i++) {
        sum += select(vec4<f32>(0.0), values[i], i < count);
    }
    let mean = sum / max(f32(count), 1.0);
    var m2 = vec4<f32>(0.0);
    for (var i = 0u; i < STRIP; i++) {
        let delta = select(vec4<f32>(0.0), values[i] - mean, i < count);
        m2 += delta * delta;
    }
    moments[thread] = Moments(f32(count), mean, m2);
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if (thread < half) {
            moments[thread] = merged(moments[thread], moments[thread + half]);
        }
        workgroupBarrier();
    }
}
