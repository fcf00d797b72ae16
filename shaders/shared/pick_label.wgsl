// The label of four neighbouring voxels, offered their logits class by class: the first class of largest logit, as numpy's argmax;
// or, for regions, the last class of positive logit, whose sigmoid exceeds one half (nnU-Net `utilities/label_handling`).

var<private> best: vec4<f32>;
var<private> label: vec4<u32>;

fn offer(k: u32, logit: vec4<f32>) {
    let regions = vec4<bool>(params.regions != 0u);
    let wins = select(vec4<bool>(k == 0u) | (logit > best), logit > vec4<f32>(0.0), regions);
    best = select(best, logit, wins);
    label = select(label, vec4<u32>(values[k]), wins);
}

// Writes the labels of group `group` of a row of four-voxel groups: bytes, or halves of a word.
fn store_labels(group: u32) {
    if (WIDE == 1u) {
        labels[2u * group] = label.x | (label.y << 16u);
        labels[2u * group + 1u] = label.z | (label.w << 16u);
    } else {
        labels[group] = label.x | (label.y << 8u) | (label.z << 16u) | (label.w << 24u);
    }
}
