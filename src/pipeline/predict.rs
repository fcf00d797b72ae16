//! The networks of an ensemble, and how their outputs become one sum.

use engine::{Runner, TileOutput};

use crate::error::PipelineError;

/// The 1x1x1 convolution `out_0`, applied after averaging.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Weights, (classes, features).
    pub weight_kc: Vec<f32>,
    /// One bias per class.
    pub bias: Vec<f32>,
}

/// One trained network of an ensemble.
pub struct FoldRunner {
    /// Yields logits, or features when `head` is there.
    pub runner: Box<dyn Runner>,
    /// Turns features into logits; absent when the runner yields logits.
    pub head: Option<Head>,
}

/// What runners should yield for the smallest accumulators: features when all folds' together are fewer than the classes.
pub fn preferred_output(classes: usize, width: usize, folds: usize) -> TileOutput {
    if classes > width * folds { TileOutput::Features } else { TileOutput::Logits }
}

/// Where one fold's output enters the sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Slot {
    pub(crate) first_channel: usize,
    pub(crate) share: f32,
}

/// Whose features or logits are accumulated in which channels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ensemble {
    /// Channels accumulated.
    pub(crate) channels: usize,
    /// Class channels in the end.
    pub(crate) classes: usize,
    /// One head over the features of all folds, already divided by their number; absent when logits are accumulated.
    pub(crate) head: Option<Head>,
    /// One per fold.
    pub(crate) slots: Vec<Slot>,
}

impl Ensemble {
    /// Joins the folds. Averaging logits over folds is linear, so all heads become one over the folds' features side by side.
    pub(crate) fn new(folds: &[FoldRunner], patch: [usize; 3]) -> Result<Self, PipelineError> {
        check_folds(folds, patch)?;
        let classes = classes_of(&folds[0]);
        let share = 1.0 / folds.len() as f32;
        if folds[0].head.is_none() {
            let slots = vec![Slot { first_channel: 0, share }; folds.len()];
            return Ok(Self { channels: classes, classes, head: None, slots });
        }
        let mut channels = 0;
        let mut slots = Vec::with_capacity(folds.len());
        for fold in folds {
            slots.push(Slot { first_channel: channels, share: 1.0 });
            channels += fold.runner.channels();
        }
        Ok(Self { channels, classes, head: Some(join_heads(folds, classes, share)), slots })
    }
}

fn classes_of(fold: &FoldRunner) -> usize {
    fold.head.as_ref().map_or(fold.runner.channels(), |head| head.bias.len())
}

fn check_folds(folds: &[FoldRunner], patch: [usize; 3]) -> Result<(), PipelineError> {
    let refuse = |reason: String| Err(PipelineError::Folds(reason));
    let Some(first) = folds.first() else {
        return refuse("there is no network".to_owned());
    };
    for fold in folds {
        if fold.runner.patch() != patch {
            return refuse(format!("a network takes tiles of {:?}, the plan has {patch:?}", fold.runner.patch()));
        }
        if classes_of(fold) != classes_of(first) || classes_of(fold) == 0 {
            return refuse("they have different numbers of classes, or none".to_owned());
        }
        if fold.head.is_some() != first.head.is_some() {
            return refuse("some yield features and some logits".to_owned());
        }
        if fold.head.as_ref().is_some_and(|head| head.weight_kc.len() != head.bias.len() * fold.runner.channels()) {
            return refuse("a head does not have classes x features weights".to_owned());
        }
    }
    Ok(())
}

fn join_heads(folds: &[FoldRunner], classes: usize, share: f32) -> Head {
    let mut joined = Head { weight_kc: Vec::new(), bias: vec![0.0; classes] };
    for k in 0..classes {
        for fold in folds {
            let width = fold.runner.channels();
            let head = fold.head.as_ref().expect("all folds have heads");
            joined.weight_kc.extend(head.weight_kc[k * width..(k + 1) * width].iter().map(|w| w * share));
            joined.bias[k] += head.bias[k] * share;
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{Affine, affine_fold};

    #[test]
    fn features_win_only_when_they_are_fewer() {
        assert_eq!(preferred_output(45, 32, 1), TileOutput::Features);
        assert_eq!(preferred_output(45, 32, 2), TileOutput::Logits);
        assert_eq!(preferred_output(32, 32, 1), TileOutput::Logits);
    }

    #[test]
    fn unfit_folds_are_refused() {
        let patch = [16, 16, 32];
        let refused = |folds: &[FoldRunner]| matches!(Ensemble::new(folds, patch), Err(PipelineError::Folds(_)));
        assert!(refused(&[]));
        assert!(refused(&[affine_fold(Affine::new([32; 3], &[1.0]))]));
        assert!(refused(&[affine_fold(Affine::new(patch, &[1.0])), affine_fold(Affine::new(patch, &[1.0, 2.0]))]));
        let mut headed = affine_fold(Affine::new(patch, &[1.0, 2.0]));
        headed.head = Some(Head { weight_kc: vec![1.0; 5], bias: vec![0.0; 3] });
        assert!(refused(&[headed]));
    }
}
