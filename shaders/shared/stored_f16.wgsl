// Activations are stored in half precision and computed in f32; what half precision cannot hold is clamped, not infinite.
enable f16;

alias Stored = vec4<f16>;

fn stored(v: vec4<f32>) -> Stored {
    return Stored(clamp(v, vec4<f32>(-65504.0), vec4<f32>(65504.0)));
}

// What `stored` keeps of a value, rounded to nearest even by its bits: compilers drop a conversion that is undone at once (Mesa
// does), and statistics of other values than those stored are off by more than a deviation where a channel hardly varies.
fn kept(v: vec4<f32>) -> vec4<f32> {
    let bits = bitcast<vec4<u32>>(clamp(v, vec4<f32>(-65504.0), vec4<f32>(65504.0)));
    let odd = (bits >> vec4<u32>(13u)) & vec4<u32>(1u);
    return bitcast<vec4<f32>>((bits + vec4<u32>(0xfffu) + odd) & vec4<u32>(0xffffe000u));
}
