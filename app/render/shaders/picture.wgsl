// Shows a picture drawn beforehand, pixel for pixel: pass of egui's own, which has no depth buffer.

override linear_target = false;

@group(0) @binding(0) var picture: texture_2d<f32>;
@group(0) @binding(1) var<uniform> place: vec4f; // the pane's upper left corner in the frame buffer, pixels

@vertex
fn vertex(@builtin(vertex_index) number: u32) -> @builtin(position) vec4f {
    let corner = vec2f(f32((number << 1u) & 2u), f32(number & 2u));
    return vec4f(corner * 2.0 - 1.0, 0.0, 1.0);
}

@fragment
fn fragment(@builtin(position) position: vec4f) -> @location(0) vec4f {
    let last = vec2i(textureDimensions(picture)) - 1;
    let at = clamp(vec2i(floor(position.xy - place.xy)), vec2i(0), last);
    let color = textureLoad(picture, at, 0).rgb;
    let linear = select(pow((color + 0.055) / 1.055, vec3f(2.4)), color / 12.92, color <= vec3f(0.04045));
    return vec4f(select(color, linear, linear_target), 1.0);
}
