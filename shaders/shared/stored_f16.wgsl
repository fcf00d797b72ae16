// Activations are stored in half precision and computed in f32; what half precision cannot hold is clamped, not infinite.
enable f16;

alias Stored = vec4<f16>;

fn stored(v: vec4<f32>) -> Stored {
    return Stored(clamp(v, vec4<f32>(-65504.0), vec4<f32>(65504.0)));
}
