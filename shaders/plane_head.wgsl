// Applies the head, a 1x1x1 convolution (`out_0`), to rows of features on the scan's grid and labels them:
//
//   z[k] = b[k] + sum over c of w[k][c] x[c];  y[voxel] = label of pick over classes k of z[k]
//
// x is [y][channel][x/4] of vec4; w is [class/8][1 + channel][2] of vec4, each eighth beginning with its biases; y is four bytes or
// two halves to a word. One thread per four neighbouring voxels carries eight classes through one sweep over the features: each
// weight loaded serves four multiply-adds and each feature eight.

struct Params {
    columns: u32,
    first_row: u32,
    rows: u32,
    channels: u32,
    classes: u32,
    regions: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> features: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> head: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> values: array<u32>;
@group(0) @binding(4) var<storage, read_write> labels: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let groups = (params.columns + 3u) / 4u;
    if (id.x >= groups * params.rows) {
        return;
    }
    let group = id.x % groups;
    let y = id.x / groups;
    var weights = 0u;
    for (var k = 0u; k < params.classes; k += 8u) {
        let bias0 = head[weights];
        let bias1 = head[weights + 1u];
        //repeat i 4
        var low{i} = vec4<f32>(bias0[{i}]);
        var high{i} = vec4<f32>(bias1[{i}]);
        //end
        weights += 2u;
        var source = y * params.channels * groups + group;
        for (var c = 0u; c < params.channels; c++) {
            let x = features[source];
            let w0 = head[weights];
            let w1 = head[weights + 1u];
            //repeat i 4
            low{i} += w0[{i}] * x;
            high{i} += w1[{i}] * x;
            //end
            weights += 2u;
            source += groups;
        }
        // Classes that only fill the last eighth win nothing.
        //repeat i 4
        if (k + {i}u < params.classes) {
            offer(k + {i}u, low{i});
        }
        //end
        //repeat i 4
        if (k + 4u + {i}u < params.classes) {
            offer(k + 4u + {i}u, high{i});
        }
        //end
    }
    store_labels((params.first_row + y) * groups + group);
}
