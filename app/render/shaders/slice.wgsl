// One image pane: image, mask and doubt of a slice, in one pass.
//
// A pixel at p (pixels from the pane's upper left corner) shows the voxel index  c = corner + right * p.x + down * p.y.
//   image    bilinear in the plane over voxels c; over a slab of n slices the mean, largest or smallest of their values
//   grey     clamp((scale * stored + offset - low) / width, 0, 1), low = level - width / 2
//   fill     mix(grey, colour of the label at c, its opacity)
//   doubt    mix(fill, ramp(doubt at c), strength * doubt)
//   outline  where a point within the line's width has another label: mix(doubt, colour, opacity * pattern)
// An outline lies inside its structure, so neighbours both keep theirs. The label is read at four points of a pixel: where they
// differ the pixel lies on a boundary and gets the mean of their lines, which smooths the outer edge; where they agree the inner
// edge is found by comparing labels on a ring as wide as the line. Nothing loops over classes: the cost does not depend on them.
// Labels are those of the nearest voxels, or, smoothed, those with the largest share under a quadratic B-spline over nine voxels: it
// rounds the stairs of large voxels, and of a voxel that stands alone, or a line one voxel wide, the middle still shows.
// All textures are read with textureLoad: integer and 32 bit textures cannot be filtered everywhere, and masks never may.
// `alias Image` (texture_3d<i32> or texture_3d<f32>) is put in front of this file.

struct Pane {
    corner: vec4f,   // voxel x, y, z at the pane's corner; w: 1 / (points per pixel)
    right: vec4f,    // voxels per pixel to the right; w: opacity of doubt
    down: vec4f,     // voxels per pixel downwards; w: how far around the structure in focus doubt is shown, pixels
    place: vec4f,    // pane's corner in the frame buffer, pixels; z: grey is inverted (0 or 1)
    value: vec4f,    // scale, offset, low, 1 / width
    axis_right: vec4i, // voxel axis x, y, z; w: first loaded slice z
    axis_down: vec4i,  // w: end of the loaded slices
    through: vec4i,  // voxel axis across the plane; w: slices of the slab
    size: vec4i,     // voxels x, y, z; w: how the slab is joined (MEAN, LARGEST, SMALLEST)
    brick: vec4u,    // voxels x, y, z of one brick
    bricks: vec4u,   // bricks along x, y, z of the volume; w: flags
    slots: vec4u,    // bricks along x, y, z of the textures; w: number of styles
    focus: vec4u,    // x: label that doubt is shown around, 0 for everywhere
    ramp: array<vec4f, 5>,
}

struct Style {
    color: vec4f, // sRGB; w: opacity of the fill
    line: vec4f,  // width in pixels, opacity, pattern (0 solid, 1 dash, 2 dot, 3 dash-dot), unused
}

const LARGEST = 1;
const SMALLEST = 2;
const SMOOTH_IMAGE = 1u;
const LABELS = 2u;
const SMOOTH_LABELS = 4u;
const DOUBT = 8u;

// Patterns, in points.
const DASH = 7.0;
const DOT = 2.5;
const DASH_DOT = 2.6;
const OFF = 0.3; // what stays of a line between dashes, so that a contour never breaks

// The frame buffer wants linear light; textures hold bricks side by side. Constants, so that what is not needed is not compiled.
override linear_target = false;
override rearranged = false;

@group(0) @binding(0) var<uniform> pane: Pane;
@group(0) @binding(1) var image: Image;
@group(0) @binding(2) var labels: texture_3d<u32>;
@group(0) @binding(3) var doubts: texture_3d<f32>;
@group(0) @binding(4) var<storage, read> styles: array<Style>;

fn flag(bit: u32) -> bool {
    return (pane.bricks.w & bit) != 0u;
}

// Where a voxel lies in the textures: volumes longer than a texture may be are stored as bricks side by side.
fn texel(voxel: vec3i) -> vec3i {
    if !rearranged {
        return voxel;
    }
    let at = vec3u(voxel);
    let brick = at / pane.brick.xyz;
    let number = brick.x + pane.bricks.x * (brick.y + pane.bricks.y * brick.z);
    let row = number / pane.slots.x;
    let slot = vec3u(number % pane.slots.x, row % pane.slots.y, row / pane.slots.y);
    return vec3i(slot * pane.brick.xyz + at % pane.brick.xyz);
}

fn inside(voxel: vec3i) -> vec3i {
    return clamp(voxel, vec3i(0), pane.size.xyz - 1);
}

fn index_at(pixel: vec2f) -> vec3f {
    return pane.corner.xyz + pane.right.xyz * pixel.x + pane.down.xyz * pixel.y;
}

fn is_outside(index: vec3f) -> bool {
    return any(index < vec3f(-0.5)) || any(index >= vec3f(pane.size.xyz) - 0.5);
}

fn stored(voxel: vec3i) -> f32 {
    return f32(textureLoad(image, texel(inside(voxel)), 0).x);
}

// The four voxels around an index in the plane, in rows, and their shares. Loops over them keep the compiled code small.
fn corner_of(first: vec3i, k: u32) -> vec3i {
    return first + pane.axis_right.xyz * i32(k & 1u) + pane.axis_down.xyz * i32(k >> 1u);
}

fn shares_of(part: vec3f) -> vec4f {
    let u = dot(part, vec3f(pane.axis_right.xyz));
    let v = dot(part, vec3f(pane.axis_down.xyz));
    return vec4f((1.0 - u) * (1.0 - v), u * (1.0 - v), (1.0 - u) * v, u * v);
}

fn image_in_plane(index: vec3f) -> f32 {
    let smooth_image = flag(SMOOTH_IMAGE);
    let low = select(floor(index + 0.5), floor(index), smooth_image);
    let share = select(vec4f(1.0, 0.0, 0.0, 0.0), shares_of(index - low), smooth_image);
    var sum = 0.0;
    for (var k = 0u; k < select(1u, 4u, smooth_image); k++) {
        sum += share[k] * stored(corner_of(vec3i(low), k));
    }
    return sum;
}

fn image_at(index: vec3f) -> f32 {
    let slices = pane.through.w;
    var sum = 0.0;
    var largest = -3.4e38;
    var smallest = 3.4e38;
    var count = 0.0;
    let middle = dot(vec3i(floor(index + 0.5)), pane.through.xyz);
    let end = dot(pane.size.xyz, pane.through.xyz);
    for (var k = 0; k < slices; k++) {
        let step = k - (slices - 1) / 2;
        if middle + step < 0 || middle + step >= end {
            continue;
        }
        let value = image_in_plane(index + vec3f(pane.through.xyz * step));
        sum += value;
        largest = max(largest, value);
        smallest = min(smallest, value);
        count += 1.0;
    }
    if pane.size.w == LARGEST {
        return largest;
    }
    if pane.size.w == SMALLEST {
        return smallest;
    }
    return sum / max(count, 1.0);
}

fn stored_label(voxel: vec3i) -> u32 {
    return textureLoad(labels, texel(inside(voxel)), 0).x;
}

// One of the nine voxels around and including one, in rows.
fn neighbour(middle: vec3i, k: u32) -> vec3i {
    return middle + pane.axis_right.xyz * (i32(k % 3u) - 1) + pane.axis_down.xyz * (i32(k / 3u) - 1);
}

// The label at a place of the screen: of the nearest voxel, or, smoothed, the one with the largest share.
fn label_at(pixel: vec2f) -> u32 {
    let index = index_at(pixel);
    if is_outside(index) {
        return 0u;
    }
    let middle = vec3i(floor(index + 0.5));
    let here = stored_label(middle);
    if !flag(SMOOTH_LABELS) {
        return here;
    }
    let part = index - vec3f(middle);
    let u = dot(part, vec3f(pane.axis_right.xyz));
    let v = dot(part, vec3f(pane.axis_down.xyz));
    let across = vec3f(0.5 * (0.5 - u) * (0.5 - u), 0.75 - u * u, 0.5 * (0.5 + u) * (0.5 + u));
    let along = vec3f(0.5 * (0.5 - v) * (0.5 - v), 0.75 - v * v, 0.5 * (0.5 + v) * (0.5 + v));
    var labels_near = array<u32, 9>();
    var most = 0.0;
    for (var k = 0u; k < 9u; k++) {
        labels_near[k] = stored_label(neighbour(middle, k));
        most += select(0.0, across[k % 3u] * along[k / 3u], labels_near[k] == here);
    }
    var best = here;
    if most >= 0.5 {
        return best;
    }
    for (var k = 0u; k < 9u; k++) {
        if labels_near[k] == best {
            continue;
        }
        var share = 0.0;
        for (var j = 0u; j < 9u; j++) {
            share += select(0.0, across[j % 3u] * along[j / 3u], labels_near[j] == labels_near[k]);
        }
        if share > most {
            best = labels_near[k];
            most = share;
        }
    }
    return best;
}

// Whether every voxel that the fill and outline of a pixel can depend on holds `label`. Most pixels are such, and this is the cheap way
// to know; where voxels are so small that it would take many, the answer is no.
fn is_far_from_edges(index: vec3f, label: u32) -> bool {
    let per_pixel = abs(pane.right.xyz) + abs(pane.down.xyz);
    let reach_pixels = max(style_of(label).line.x + 0.25, 0.5);
    let reach = ceil(reach_pixels * max(per_pixel.x, max(per_pixel.y, per_pixel.z))) + select(0.0, 1.0, flag(SMOOTH_LABELS));
    if reach > 2.0 {
        return false;
    }
    let middle = vec3i(floor(index + 0.5));
    let far = i32(reach);
    let span = (pane.axis_right.xyz + pane.axis_down.xyz) * far;
    // The edge of the scan is an edge.
    if any(middle - span < vec3i(0)) || any(middle + span >= pane.size.xyz) {
        return false;
    }
    for (var v = -far; v <= far; v++) {
        for (var u = -far; u <= far; u++) {
            if textureLoad(labels, texel(middle + pane.axis_right.xyz * u + pane.axis_down.xyz * v), 0).x != label {
                return false;
            }
        }
    }
    return true;
}

// Whether the labels on a ring around a pixel hold one that is `label` (or, if not `equal`, one that is not).
fn ring_holds(pixel: vec2f, label: u32, equal: bool, radius: f32) -> bool {
    for (var k = 0u; k < 8u; k++) {
        // Right, then on by an eighth of a turn.
        let along = array(1.0, 0.70710678, 0.0, -0.70710678, -1.0, -0.70710678, 0.0, 0.70710678);
        if (label_at(pixel + radius * vec2f(along[k], along[(k + 6u) & 7u])) == label) == equal {
            return true;
        }
    }
    return false;
}

// How much of a pixel inside a structure its outline covers. The ring lies half a step outside the inner edge, then inside it;
// for wide lines also halfway, where a gap narrower than the line would lie between ring and pixel.
fn line_cover(pixel: vec2f, label: u32, width: f32) -> f32 {
    var radius = width + 0.25;
    var cover = 0.0;
    for (var k = 0; k < 2; k++) {
        if ring_holds(pixel, label, false, radius) {
            cover += select(1.0, 0.5, k == 0);
            radius = width - 0.25;
        } else if width > 3.0 {
            radius = width * 0.5;
        } else {
            break;
        }
    }
    return min(cover, 1.0);
}

// A checkerboard in screen points: whatever way a contour runs, it changes between on and off.
fn pattern_at(pixel: vec2f, pattern: f32) -> f32 {
    if pattern < 0.5 {
        return 1.0;
    }
    let cell = select(DASH, DOT, pattern > 1.5 && pattern < 2.5);
    let at = pixel * pane.corner.w / cell;
    let number = vec2i(floor(at));
    if ((number.x + number.y) & 1) == 0 {
        return 1.0;
    }
    let from_middle = (fract(at) - 0.5) * cell;
    let in_dot = pattern > 2.5 && dot(from_middle, from_middle) < 0.25 * DASH_DOT * DASH_DOT;
    return select(OFF, 1.0, in_dot);
}

fn style_of(label: u32) -> Style {
    return styles[min(label, pane.slots.w - 1u)];
}

fn filled(under: vec3f, label: u32) -> vec3f {
    let color = style_of(label).color;
    return mix(under, color.rgb, color.a);
}

fn lined(under: vec3f, label: u32, cover: f32, pixel: vec2f) -> vec3f {
    let style = style_of(label);
    let drawn = select(0.0, cover * style.line.y, style.line.x > 0.0);
    return mix(under, style.color.rgb, drawn * pattern_at(pixel, style.line.z));
}

fn stored_doubt(voxel: vec3i) -> f32 {
    return textureLoad(doubts, texel(inside(voxel)), 0).x;
}

fn doubt_at(pixel: vec2f, index: vec3f, here: u32) -> f32 {
    let low = floor(index);
    let share = shares_of(index - low);
    var doubt = 0.0;
    for (var k = 0u; k < 4u; k++) {
        doubt += share[k] * stored_doubt(corner_of(vec3i(low), k));
    }
    let label = pane.focus.x;
    if label == 0u || label == here || doubt <= 0.0 {
        return doubt;
    }
    // Outside the structure in focus doubt fades with the distance to it.
    for (var k = 1; k <= 6; k++) {
        if ring_holds(pixel, label, true, pane.down.w * f32(k) / 6.0) {
            return doubt * (1.0 - f32(k - 1) / 6.0);
        }
    }
    return 0.0;
}

fn ramp_at(doubt: f32) -> vec3f {
    let at = clamp(doubt, 0.0, 1.0) * 4.0;
    let first = min(u32(at), 3u);
    return mix(pane.ramp[first].rgb, pane.ramp[first + 1u].rgb, at - f32(first));
}

fn linear_of(color: vec3f) -> vec3f {
    return select(pow((color + 0.055) / 1.055, vec3f(2.4)), color / 12.92, color <= vec3f(0.04045));
}

@vertex
fn vertex(@builtin(vertex_index) number: u32) -> @builtin(position) vec4f {
    // One triangle that covers the viewport.
    let corner = vec2f(f32((number << 1u) & 2u), f32(number & 2u));
    return vec4f(corner * 2.0 - 1.0, 0.0, 1.0);
}

@fragment
fn fragment(@builtin(position) position: vec4f) -> @location(0) vec4f {
    let pixel = position.xy - pane.place.xy;
    let index = index_at(pixel);
    var color = vec3f(0.0);
    let z = i32(floor(index.z + 0.5));
    if !is_outside(index) {
        if z >= pane.axis_right.w && z < pane.axis_down.w {
            let value = image_at(index) * pane.value.x + pane.value.y;
            let grey = clamp((value - pane.value.z) * pane.value.w, 0.0, 1.0);
            color = vec3f(mix(grey, 1.0 - grey, pane.place.z));
        }
        if flag(LABELS) {
            let here = stored_label(vec3i(floor(index + 0.5)));
            let far = is_far_from_edges(index, here);
            var found = vec4u(here);
            for (var k = select(0u, 4u, far); k < 4u; k++) {
                let along = array(-0.125, 0.375, 0.125, -0.375);
                found[k] = label_at(pixel + vec2f(along[k], along[(k + 3u) & 3u]));
            }
            let same = all(found == vec4u(found.x));
            let grey = color;
            color = filled(grey, found.x);
            if !same {
                color = 0.25 * (color + filled(grey, found.y) + filled(grey, found.z) + filled(grey, found.w));
            }
            if flag(DOUBT) {
                let doubt = doubt_at(pixel, index, found.x);
                color = mix(color, ramp_at(doubt), doubt * pane.right.w);
            }
            var cover = 1.0;
            if same {
                cover = 0.0;
                let width = style_of(found.x).line.x;
                if width > 0.0 && !far {
                    cover = line_cover(pixel, found.x, width);
                }
            }
            if cover > 0.0 {
                let under = color;
                color = lined(under, found.x, cover, pixel);
                if !same {
                    color = 0.25 * (color + lined(under, found.y, 1.0, pixel) + lined(under, found.z, 1.0, pixel)
                        + lined(under, found.w, 1.0, pixel));
                }
            }
        }
    }
    if linear_target {
        color = linear_of(color);
    }
    return vec4f(color, 1.0);
}
