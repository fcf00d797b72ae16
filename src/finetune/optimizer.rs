//! Steps from gradients to parameters, as PyTorch takes them.
//!
//! burn's own optimizers differ in what matters here: other defaults, no step without a module, and clipping of every tensor by itself.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

use crate::network::{Network, Values};

/// A rule, every value explicit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// Adam with decoupled weight decay (`torch.optim.AdamW`).
    AdamW {
        /// Of the mean and of the mean square.
        betas: [f64; 2],
        /// Beside the root of the mean square. MedNeXt v1 takes 1e-4.
        epsilon: f64,
        /// Share of a parameter that a learning rate of 1 would take away.
        weight_decay: f64,
    },
    /// Gradient descent with Nesterov's momentum (`torch.optim.SGD`), nnU-Net's default.
    Sgd {
        /// Share of the last step.
        momentum: f64,
        /// Added to the gradient, times the parameter.
        weight_decay: f64,
    },
}

/// What the rule remembers of one parameter.
#[derive(Debug, Clone)]
struct Memory<B: Backend> {
    steps: i32,
    mean: Tensor<B, 1>,
    /// AdamW's alone.
    square: Option<Tensor<B, 1>>,
}

/// A rule and what it remembers.
#[derive(Debug, Clone)]
pub struct Optimizer<B: Backend> {
    rule: Rule,
    memory: BTreeMap<String, Memory<B>>,
}

impl<B: Backend> Optimizer<B> {
    /// One that remembers nothing yet.
    pub fn new(rule: Rule) -> Self {
        Self { rule, memory: BTreeMap::new() }
    }

    /// One step with this learning rate. Parameters without a gradient stay, and so does what is remembered of them.
    pub fn step(&mut self, network: &mut Network<B>, gradients: &Values<B>, rate: f64) {
        for (name, values) in network.values_mut() {
            let Some(gradient) = gradients.get(name) else { continue };
            let memory = self.memory.remove(name);
            let (stepped, memory) = match self.rule {
                Rule::AdamW { betas, epsilon, weight_decay } => {
                    let decayed = values.clone() * (1.0 - rate * weight_decay);
                    adamw(decayed, gradient.clone(), memory, rate, betas, epsilon)
                }
                Rule::Sgd { momentum, weight_decay } => {
                    sgd(values.clone(), gradient.clone() + values.clone() * weight_decay, memory, rate, momentum)
                }
            };
            *values = stepped;
            self.memory.insert(name.to_owned(), memory);
        }
    }
}

fn adamw<B: Backend>(
    values: Tensor<B, 1>,
    gradient: Tensor<B, 1>,
    memory: Option<Memory<B>>,
    rate: f64,
    [slow, slower]: [f64; 2],
    epsilon: f64,
) -> (Tensor<B, 1>, Memory<B>) {
    let (steps, mean, square) = match memory {
        Some(Memory { steps, mean, square: Some(square) }) => (steps + 1, mean * slow, square * slower),
        _ => (1, gradient.zeros_like(), gradient.zeros_like()),
    };
    let mean = mean + gradient.clone() * (1.0 - slow);
    let square = square + gradient.clone() * gradient * (1.0 - slower);
    let root = square.clone().sqrt() / (1.0 - slower.powi(steps)).sqrt() + epsilon;
    let stepped = values - mean.clone() / root * (rate / (1.0 - slow.powi(steps)));
    (stepped, Memory { steps, mean, square: Some(square) })
}

fn sgd<B: Backend>(
    values: Tensor<B, 1>,
    gradient: Tensor<B, 1>,
    memory: Option<Memory<B>>,
    rate: f64,
    momentum: f64,
) -> (Tensor<B, 1>, Memory<B>) {
    let (steps, mean) = match memory {
        Some(memory) => (memory.steps + 1, memory.mean * momentum + gradient.clone()),
        None => (1, gradient.clone()),
    };
    let stepped = values - (gradient + mean.clone() * momentum) * rate;
    (stepped, Memory { steps, mean, square: None })
}

/// Length of all gradients together; makes them no longer than `longest` (`torch.nn.utils.clip_grad_norm_`).
pub fn clip<B: Backend>(gradients: &mut Values<B>, longest: f64) -> f64 {
    let squares = gradients.values().map(|gradient| (gradient.clone() * gradient.clone()).sum());
    let all = squares.reduce(|sum, next| sum + next);
    let length = all.and_then(|all| all.into_data().iter::<f64>().next()).unwrap_or(0.0).sqrt();
    let factor = longest / (length + 1e-6);
    if factor < 1.0 {
        gradients.values_mut().for_each(|gradient| *gradient = gradient.clone() * factor);
    }
    length
}
