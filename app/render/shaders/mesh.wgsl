// Surfaces of structures, each with one colour.
//
// The light sits at the viewer, a little up and to the left, so that what is seen is lit and shape still shows:
//   light  = ambient * (0.75 + 0.25 up.n) + diffuse * max(n.l, 0)       with n turned to the viewer
//   colour = (color * light + gloss * max(n.h, 0)^24) * (1 - edge * (1 - n.v)^3)
// The last factor darkens silhouettes, which keeps neighbours of like colour apart.

struct View {
    clip_from_lps: mat4x4f,
    right: vec4f, // screen right, up and ahead in LPS
    up: vec4f,
    ahead: vec4f,
}

struct Structure {
    color: vec4f,
    shade: vec4f, // ambient, diffuse, gloss, edge
}

@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var<uniform> structure: Structure;

struct Corner {
    @builtin(position) position: vec4f,
    @location(0) normal: vec3f,
}

@vertex
fn vertex(@location(0) pos_lps_mm: vec3f, @location(1) normal: vec3f) -> Corner {
    return Corner(view.clip_from_lps * vec4f(pos_lps_mm, 1.0), normal);
}

@fragment
fn fragment(corner: Corner) -> @location(0) vec4f {
    let to_viewer = -view.ahead.xyz;
    var n = normalize(corner.normal);
    if dot(n, to_viewer) < 0.0 {
        n = -n;
    }
    let to_light = normalize(to_viewer + 0.35 * view.up.xyz - 0.3 * view.right.xyz);
    let shade = structure.shade;
    let facing = clamp(dot(n, to_viewer), 0.0, 1.0);
    let light = shade.x * (0.75 + 0.25 * dot(n, view.up.xyz)) + shade.y * max(dot(n, to_light), 0.0);
    let gloss = shade.z * pow(max(dot(n, normalize(to_light + to_viewer)), 0.0), 24.0);
    let rim = 1.0 - shade.w * pow(1.0 - facing, 3.0);
    return vec4f(clamp((structure.color.rgb * light + gloss) * rim, vec3f(0.0), vec3f(1.0)), 1.0);
}
