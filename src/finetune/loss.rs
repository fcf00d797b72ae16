//! What the network is judged by: nnU-Net v2's soft Dice and cross-entropy, with their gradient.
//!
//! The gradient is written out instead of left to autodiff, which would keep every step's result for all classes at full size until the
//! backward pass. A trainer multiplies logits by it (`sum(logits * gradient)`), and autodiff goes on from there.
//!
//! Source: nnU-Net v2's `compound_losses.py` (`DC_and_CE_loss`, `DC_and_BCE_loss`) and `dice.py` (`MemoryEfficientSoftDiceLoss`).

use burn::tensor::activation::{log_sigmoid, log_softmax};
use burn::tensor::backend::Backend;
use burn::tensor::{FloatDType, Int, Tensor};
use serde::{Deserialize, Serialize};

/// Keeps a class without voxels from dividing zero by zero.
const SMOOTH: f64 = 1e-5;
/// nnU-Net's least denominator.
const LEAST: f64 = 1e-8;

/// What the channels of a target are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Target {
    /// One channel of labels, each voxel in one class: softmax. Class 0 is the background, which Dice leaves out.
    Labels {
        /// The label of voxels nobody annotated: no loss comes from them.
        ignore: Option<u8>,
    },
    /// One channel per region, 0 or 1, which may overlap: sigmoid.
    Regions {
        /// Whether one more channel marks voxels nobody annotated.
        ignore: bool,
    },
}

/// Dice and cross-entropy, equally weighted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Criterion {
    /// What the target's channels are.
    pub target: Target,
    /// Whether Dice counts the voxels of all samples together instead of each sample's own.
    pub batch_dice: bool,
}

/// A loss and where it falls.
#[derive(Debug, Clone)]
pub struct Loss<B: Backend> {
    /// `dice + cross_entropy`.
    pub value: Tensor<B, 1>,
    /// Minus the mean soft Dice.
    pub dice: Tensor<B, 1>,
    /// Mean over annotated voxels.
    pub cross_entropy: Tensor<B, 1>,
    /// Of `value` by the logits, in their shape.
    pub gradient: Tensor<B, 5>,
}

/// How much each head's loss counts, full size first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeepSupervision {
    /// Halves from head to head, and nothing for the smallest (nnU-Net v2).
    Nnunet,
    /// Halves from head to head (MedNeXt v1's trainer).
    Mednext,
}

impl DeepSupervision {
    /// Weights of so many heads; their sum is 1.
    pub fn weights(self, heads: usize) -> Vec<f64> {
        let mut weights: Vec<f64> = (0..heads).map(|head| 0.5_f64.powi(head as i32)).collect();
        if self == Self::Nnunet
            && heads > 1
            && let Some(last) = weights.last_mut()
        {
            *last = 0.0;
        }
        let all: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / all).collect()
    }
}

impl Criterion {
    /// The loss of `logits` `[n, classes, z, y, x]` against `target` `[n, channels, z, y, x]`, in the logits' precision.
    ///
    /// Voxels nobody annotated count nowhere; where nobody annotated any, cross-entropy is 0.
    pub fn loss<B: Backend>(&self, logits: Tensor<B, 5>, target: Tensor<B, 5, Int>) -> Loss<B> {
        let shape = logits.dims();
        let [n, classes, z, y, x] = shape;
        let channels = target.dims()[1];
        let truth = Truth::new(self.target, target.reshape([n, channels, z * y * x]), classes, logits.dtype().into());
        let logits = logits.reshape([n, classes, z * y * x]);
        let (probabilities, cross_entropy) = match self.target {
            Target::Labels { .. } => softmax_entropy(logits, &truth),
            Target::Regions { .. } => sigmoid_entropy(logits, &truth),
        };
        let (dice, slope) = self.soft_dice(&probabilities, &truth);
        // Through the softmax or the sigmoid, to the logits.
        let p = probabilities;
        let from_dice = match self.target {
            Target::Labels { .. } => {
                let mean = (p.clone() * slope.clone()).sum_dim(1);
                p.clone() * (slope - mean)
            }
            Target::Regions { .. } => p.clone() * (p.clone().neg() + 1.0) * slope,
        };
        let classes_of = (0..classes).map(|c| truth.masked(p.clone().narrow(1, c, 1)) - truth.class(c)).collect();
        let from_entropy = Tensor::cat(classes_of, 1) / truth.annotated.clone();
        let value = dice.clone() + cross_entropy.clone();
        Loss { value, dice, cross_entropy, gradient: (from_dice + from_entropy).reshape(shape) }
    }

    /// Minus the mean of `(2 sum(p y) + s) / (sum(p) + sum(y) + s)`, and its gradient by the probabilities `[n, classes, voxel]`.
    fn soft_dice<B: Backend>(&self, probabilities: &Tensor<B, 3>, truth: &Truth<B>) -> (Tensor<B, 1>, Tensor<B, 3>) {
        let [n, classes, _] = probabilities.dims();
        let first = usize::from(matches!(self.target, Target::Labels { .. }));
        let terms = (classes - first) * if self.batch_dice { 1 } else { n };
        let over_voxels = |values: Tensor<B, 3>| {
            let sum = values.sum_dim(2);
            if self.batch_dice { sum.sum_dim(0) } else { sum }
        };
        let mut total: Option<Tensor<B, 1>> = None;
        let mut slopes = Vec::with_capacity(classes);
        for c in 0..classes {
            let p = truth.masked(probabilities.clone().narrow(1, c, 1));
            if c < first {
                slopes.push(p.zeros_like());
                continue;
            }
            let y = truth.class(c);
            let both = over_voxels(p.clone() * y.clone()) * 2.0 + SMOOTH;
            let all = (over_voxels(p) + over_voxels(y.clone()) + SMOOTH).clamp_min(LEAST);
            let dice = both / all.clone();
            slopes.push(truth.masked((dice.clone() - y * 2.0) / all) / terms as f64);
            let dice = dice.sum();
            total = Some(match total {
                Some(total) => total + dice,
                None => dice,
            });
        }
        let mean = total.map_or_else(|| truth.annotated.clone().reshape([1]).zeros_like(), |total| total / -(terms as f64));
        (mean, Tensor::cat(slopes, 1))
    }
}

/// A target as the losses ask for it; `[n, ., voxel]` throughout.
struct Truth<B: Backend> {
    target: Tensor<B, 3, Int>,
    regions: bool,
    /// 1 where somebody annotated, if that is not everywhere.
    mask: Option<Tensor<B, 3>>,
    /// What cross-entropy is divided by, `[1, 1, 1]`.
    annotated: Tensor<B, 3>,
    dtype: FloatDType,
}

impl<B: Backend> Truth<B> {
    fn new(kind: Target, target: Tensor<B, 3, Int>, classes: usize, dtype: FloatDType) -> Self {
        let [n, _, voxels] = target.dims();
        let (regions, ignored) = match kind {
            Target::Labels { ignore } => (false, ignore.map(|label| target.clone().equal_elem(i32::from(label)))),
            Target::Regions { ignore } => (true, ignore.then(|| target.clone().narrow(1, classes, 1).equal_elem(1))),
        };
        let mask: Option<Tensor<B, 3>> = ignored.map(|ignored| ignored.bool_not().cast(dtype));
        let annotated = match &mask {
            // nnU-Net divides the cross-entropy of regions by voxels where there is a mask, and by voxels times regions where not.
            Some(mask) => mask.clone().sum().reshape([1, 1, 1]).clamp_min(LEAST),
            None => {
                let values = n * voxels * if regions { classes } else { 1 };
                Tensor::full([1, 1, 1], values as f64, (&target.device(), dtype.into()))
            }
        };
        Self { target, regions, mask, annotated, dtype }
    }

    /// 1 where a voxel is of class or region `c` and annotated.
    fn class(&self, c: usize) -> Tensor<B, 3> {
        let is = if self.regions { self.target.clone().narrow(1, c, 1).equal_elem(1) } else { self.target.clone().equal_elem(c as i32) };
        self.masked(is.cast(self.dtype))
    }

    fn masked(&self, values: Tensor<B, 3>) -> Tensor<B, 3> {
        match &self.mask {
            Some(mask) => values * mask.clone(),
            None => values,
        }
    }

    /// A sum over voxels and classes, as the mean cross-entropy.
    fn entropy(&self, sum: Tensor<B, 1>) -> Tensor<B, 1> {
        sum.neg() / self.annotated.clone().reshape([1])
    }
}

/// Probabilities, and cross-entropy.
fn softmax_entropy<B: Backend>(logits: Tensor<B, 3>, truth: &Truth<B>) -> (Tensor<B, 3>, Tensor<B, 1>) {
    let classes = logits.dims()[1];
    let logarithms = log_softmax(logits, 1);
    let of_class = |c: usize| (logarithms.clone().narrow(1, c, 1) * truth.class(c)).sum();
    let sum = (1..classes).map(of_class).fold(of_class(0), |sum, next| sum + next);
    (logarithms.exp(), truth.entropy(sum))
}

/// Probabilities, and binary cross-entropy.
fn sigmoid_entropy<B: Backend>(logits: Tensor<B, 3>, truth: &Truth<B>) -> (Tensor<B, 3>, Tensor<B, 1>) {
    let regions = logits.dims()[1];
    let of_region = |c: usize| {
        let logit = logits.clone().narrow(1, c, 1);
        let y = truth.class(c);
        let outside = truth.masked(log_sigmoid(logit.clone().neg())) * (y.clone().neg() + 1.0);
        (y * log_sigmoid(logit) + outside).sum()
    };
    let sum = (1..regions).map(of_region).fold(of_region(0), |sum, next| sum + next);
    (log_sigmoid(logits.clone()).exp(), truth.entropy(sum))
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::{DType, TensorData};

    use super::*;
    use crate::testkit::{Golden, golden, misc_json};

    type Cpu = Flex;

    fn floats(golden: &Golden) -> Tensor<Cpu, 5> {
        Tensor::from_data(TensorData::new(golden.data.clone(), golden.shape.clone()), (&Default::default(), DType::F64))
    }

    fn labels(golden: &Golden) -> Tensor<Cpu, 5, Int> {
        let data: Vec<i64> = golden.data.iter().map(|v| *v as i64).collect();
        Tensor::from_data(TensorData::new(data, golden.shape.clone()), &Default::default())
    }

    fn number(tensor: Tensor<Cpu, 1>) -> f64 {
        tensor.into_data().iter::<f64>().next().unwrap()
    }

    #[track_caller]
    fn assert_near(what: &str, got: f64, want: &serde_json::Value) {
        let want = want.as_f64().unwrap();
        assert!((got - want).abs() <= 1e-6 * want.abs().max(1.0), "{what}: {got} instead of {want}");
    }

    #[test]
    fn losses_and_gradients_are_those_of_nnunet() {
        let (tensors, numbers) = (golden("misc/loss.safetensors"), misc_json());
        for (batch_dice, supervision, name) in [
            (false, DeepSupervision::Nnunet, "dcce_batchdice0_nnunetv2_last0"),
            (false, DeepSupervision::Mednext, "dcce_batchdice0_all5_mednextv1"),
            (true, DeepSupervision::Nnunet, "dcce_batchdice1_nnunetv2_last0"),
            (true, DeepSupervision::Mednext, "dcce_batchdice1_all5_mednextv1"),
        ] {
            let want = &numbers["loss"][name];
            let criterion = Criterion { target: Target::Labels { ignore: None }, batch_dice };
            let weights = supervision.weights(5);
            let mut total = 0.0;
            for (level, weight) in weights.iter().enumerate() {
                assert_near(name, *weight, &want["weights"][level]);
                let loss = criterion.loss(floats(&tensors[&format!("out{level}")]), labels(&tensors[&format!("target{level}")]));
                assert_near(name, number(loss.value.clone()), &want["per_level"][level]);
                assert_near(name, number(loss.dice), &want["per_level_dice"][level]);
                assert_near(name, number(loss.cross_entropy), &want["per_level_ce"][level]);
                total += weight * number(loss.value);
                if let Some(gradient) = tensors.get(&format!("grad_{name}_{level}")) {
                    let got = (loss.gradient * *weight).into_data();
                    let largest = gradient.data.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
                    let worst = got.iter::<f64>().zip(&gradient.data).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs()));
                    assert!(worst <= 2e-6 * largest, "{name}, head {level}: off by {worst:e} of {largest:e}");
                }
            }
            assert_near(name, total, &want["loss"]);
        }
    }

    #[test]
    fn unannotated_voxels_and_regions_are_those_of_nnunet() {
        let (tensors, numbers) = (golden("misc/loss.safetensors"), misc_json());
        let logits = floats(&tensors["out0"]);
        let ignoring = Criterion { target: Target::Labels { ignore: Some(4) }, batch_dice: true };
        let loss = ignoring.loss(logits.clone(), labels(&tensors["target_ignore"]));
        assert_near("ignore", number(loss.value), &numbers["loss"]["dcce_ignore4_batchdice1"]);
        let regions = Criterion { target: Target::Regions { ignore: false }, batch_dice: true };
        let target = labels(&tensors["target_regions"]);
        let logits = logits.narrow(1, 0, target.dims()[1]);
        let loss = regions.loss(logits, target);
        assert_near("regions", number(loss.value), &numbers["loss"]["regions_dcbce_batchdice1"]);
    }

    /// The golden has no gradients for these: central differences instead.
    #[test]
    fn gradients_are_finite_differences() {
        let noise = |seed: usize, n: usize| (0..n).map(move |i| ((i * 7919 + seed * 104_729) % 1000) as f64 / 250.0 - 2.0);
        let shape = [2, 3, 2, 3, 2];
        let values: Vec<f64> = noise(1, shape.iter().product()).collect();
        let tensor = |values: &[f64]| floats(&Golden { shape: shape.to_vec(), data: values.to_vec() });
        let target = |channels: usize, highest: usize| {
            let data = noise(2, 24 * channels).map(|v| ((v + 2.0) * 250.0).round() % (highest + 1) as f64).collect();
            labels(&Golden { shape: vec![2, channels, 2, 3, 2], data })
        };
        for batch_dice in [false, true] {
            for (kind, target) in [
                (Target::Labels { ignore: None }, target(1, 2)),
                (Target::Labels { ignore: Some(3) }, target(1, 3)),
                (Target::Regions { ignore: false }, target(3, 1)),
                (Target::Regions { ignore: true }, target(4, 1)),
            ] {
                let criterion = Criterion { target: kind, batch_dice };
                let loss = |values: &[f64]| number(criterion.loss(tensor(values), target.clone()).value);
                let gradient: Vec<f64> = criterion.loss(tensor(&values), target.clone()).gradient.into_data().iter().collect();
                for i in 0..values.len() {
                    let moved = |by: f64| {
                        let mut values = values.clone();
                        values[i] += by;
                        loss(&values)
                    };
                    let want = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                    assert!((gradient[i] - want).abs() <= 1e-8, "{criterion:?}, {i}: {} instead of {want}", gradient[i]);
                }
            }
        }
    }

    /// No voxel annotated: nothing to learn, and no number is lost.
    #[test]
    fn a_patch_without_annotation_teaches_nothing() {
        let criterion = Criterion { target: Target::Labels { ignore: Some(3) }, batch_dice: false };
        let logits = floats(&Golden { shape: vec![1, 3, 2, 2, 2], data: (0..24).map(f64::from).collect() });
        let loss = criterion.loss(logits, labels(&Golden { shape: vec![1, 1, 2, 2, 2], data: vec![3.0; 8] }));
        assert_eq!(number(loss.cross_entropy), 0.0);
        assert_eq!(number(loss.dice), -1.0);
        assert!(loss.gradient.into_data().iter::<f64>().all(|v| v == 0.0));
    }
}
