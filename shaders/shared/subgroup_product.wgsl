// W x for a tile of VOXELS voxels and ROWS rows of W (a row is four outputs), by one subgroup:
//
//   sums[row * LANES + lane] = sum over k of W[first_row + row][k] x[k], of the voxel lane * GROUP + thread
//
// `weight` is [row][k] of vec4 (four outputs each). The file in front says what x is: `factors(c4, thread)` loads what the voxels
// share and `input(at, factors)` one voxel's four channels; `at` begins with `first` and grows by `step` per four channels.
//
// Why this shape: software drivers run a subgroup as one vector of the processor, and there a load, even of one address by all
// threads, costs an access per thread, some hundred cycles. So the subgroup loads each weight once, one (row, k) per thread, and
// passes it round by a constant thread number, which is one instruction; a thread holds LANES voxels times ROWS rows in registers.
// Workgroup memory would cost more than it saves. Four channels per step keep the loop inside the instruction cache. The sums are
// variables of their own, because an array indexed in a loop lives in memory.
//
// Lines between `//repeat name COUNT` and `//end` are written COUNT times, with {name} the number.
// Constants from the plan: VOXELS, LANES, LOADS, SHARE (rows of weights in one load: a quarter of the subgroup).

const GROUP: u32 = VOXELS / LANES;
const ROWS: u32 = LOADS * SHARE;

fn product(first: array<u32, LANES>, step: u32, k4: u32, first_row: u32, last_row: u32, thread: u32) -> array<vec4<f32>, ROWS * LANES> {
    //repeat load LOADS
    let from{load} = min(first_row + {load}u * SHARE + thread / 4u, last_row) * k4 * 4u + thread % 4u;
    //repeat share SHARE
    //repeat lane LANES
    var sum{load}_{share}_{lane} = vec4<f32>(0.0);
    //end
    //end
    //end
    //repeat lane LANES
    var at{lane} = first[{lane}];
    //end
    for (var c4 = 0u; c4 < k4; c4++) {
        let shared_factors = factors(c4, thread);
        //repeat lane LANES
        let x{lane} = input(at{lane}, shared_factors);
        at{lane} += step;
        //end
        //repeat load LOADS
        let mine{load} = weight[from{load} + c4 * 4u];
        //repeat share SHARE
        //repeat i 4
        let w{load}_{share}_{i} = subgroupBroadcast(mine{load}, {share}u * 4u + {i}u);
        //repeat lane LANES
        sum{load}_{share}_{lane} += w{load}_{share}_{i} * x{lane}[{i}];
        //end
        //end
        //end
        //end
    }
    var sums: array<vec4<f32>, ROWS * LANES>;
    //repeat load LOADS
    //repeat share SHARE
    //repeat lane LANES
    sums[({load}u * SHARE + {share}u) * LANES + {lane}u] = sum{load}_{share}_{lane};
    //end
    //end
    //end
    return sums;
}
