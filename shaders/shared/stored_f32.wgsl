// Activations are stored as they are computed.
alias Stored = vec4<f32>;

fn stored(v: vec4<f32>) -> Stored {
    return v;
}

// What `stored` keeps of a value.
fn kept(v: vec4<f32>) -> vec4<f32> {
    return v;
}
