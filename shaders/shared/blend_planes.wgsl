// Order-1 (or nearest) resampling between two planes of [channel][y][x], four neighbouring outputs at a time:
//
//   v = blend over x of blend over z of blend over y;  blend(a, b) = a (1 - w) + b w
//
// Indices and weights come from tables, so that they are those of the host.

struct Tap {
    first: u32,
    last: u32,
    weight: f32,
}

// Where four outputs read, along x.
struct Columns {
    first: vec4<u32>,
    last: vec4<u32>,
    weight: vec4<f32>,
}

// The four outputs from `x` on; what lies beyond the row repeats its end.
fn columns_from(x: u32) -> Columns {
    let end = params.columns - 1u;
    let a = columns[min(x, end)];
    let b = columns[min(x + 1u, end)];
    let c = columns[min(x + 2u, end)];
    let d = columns[min(x + 3u, end)];
    return Columns(
        vec4<u32>(a.first, b.first, c.first, d.first),
        vec4<u32>(a.last, b.last, c.last, d.last),
        vec4<f32>(a.weight, b.weight, c.weight, d.weight),
    );
}

fn of_first(i: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(first[i.x], first[i.y], first[i.z], first[i.w]);
}

fn of_last(i: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(last[i.x], last[i.y], last[i.z], last[i.w]);
}

fn blend(a: vec4<f32>, b: vec4<f32>, weight: f32) -> vec4<f32> {
    return a * (1.0 - weight) + b * weight;
}

// One channel at four columns of the model, between rows and planes.
fn at_columns(channel: u32, row: Tap, column: vec4<u32>) -> vec4<f32> {
    let upper = column + (channel * params.area + row.first * params.image_x);
    let lower = column + (channel * params.area + row.last * params.image_x);
    return blend(
        blend(of_first(upper), of_first(lower), row.weight),
        blend(of_last(upper), of_last(lower), row.weight),
        params.plane_weight,
    );
}

// One channel at four outputs.
fn blended(channel: u32, row: Tap, at: Columns) -> vec4<f32> {
    return at_columns(channel, row, at.first) * (1.0 - at.weight) + at_columns(channel, row, at.last) * at.weight;
}
