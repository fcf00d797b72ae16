//! The numbers that pick one network out of the MedNeXt family.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How global response normalisation averages over channels.
///
/// The public MedNeXt code divides by the channel mean, the paper's text by the channel sum; the two differ only by a
/// scale of gamma, but a checkpoint must run with the one it was trained with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GrnReduction {
    /// Divide by the mean over channels (public code).
    #[default]
    Mean,
    /// Divide by the sum over channels (paper text).
    Sum,
}

/// Published model sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Small.
    S,
    /// Base (of v1).
    B,
    /// Medium.
    M,
    /// Large; with GRN this is MedNeXt-v2 base.
    L,
}

/// First paper (no GRN) or second (GRN).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// MedNeXt v1.
    V1,
    /// MedNeXt v2.
    V2,
}

/// One network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Image channels in.
    pub in_channels: usize,
    /// Channels of every head: classes including background, or regions.
    pub classes: usize,
    /// Channels after the stem; doubles with every level.
    pub width: usize,
    /// Depthwise kernel edge (odd).
    pub kernel: usize,
    /// Expansion ratios of the nine stages: four encoder levels, bottleneck, four decoder levels from deep to shallow.
    pub ratios: [usize; 9],
    /// Residual blocks of the nine stages, in the same order.
    pub blocks: [usize; 9],
    /// Whether blocks have GRN.
    pub grn: bool,
    /// Names of blocks that deviate from `grn` (the public v2 code leaves it out of `down_0`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grn_exceptions: Vec<String>,
    /// Mean or sum over channels.
    #[serde(default)]
    pub grn_reduction: GrnReduction,
    /// Whether the four auxiliary heads exist.
    pub deep_supervision: bool,
}

/// Why a configuration is not a network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// A count that must not be zero is.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
    /// Far beyond any network, as only damaged files have it.
    #[error("{name} must be at most {limit}, not {value}")]
    TooLarge {
        /// Which count.
        name: &'static str,
        /// What it is.
        value: usize,
        /// What is believed.
        limit: usize,
    },
    /// Even kernels have no centre.
    #[error("the kernel edge must be odd and at most 15, not {0}")]
    Kernel(usize),
    /// Four halvings must leave whole voxels.
    #[error("the patch {0:?} is not divisible by 16 along every axis, which MedNeXt needs (four halvings)")]
    Patch([usize; 3]),
    /// No device holds it.
    #[error("the patch {0:?} has an axis longer than 1024 voxels")]
    PatchTooLarge([usize; 3]),
    /// Instance statistics over one voxel are undefined.
    #[error("the patch {0:?} leaves a single voxel at the bottleneck; use a larger patch")]
    PatchTooSmall([usize; 3]),
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |numbers: &[usize]| numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
        let (generation, usual) = if self.grn { ("v2", "GRN") } else { ("v1", "no GRN") };
        write!(f, "MedNeXt-{generation}, {} in, {} out, width {}, kernel {}, ", self.in_channels, self.classes, self.width, self.kernel)?;
        write!(f, "blocks {}, expansion {}, {usual}", list(&self.blocks), list(&self.ratios))?;
        if !self.grn_exceptions.is_empty() {
            write!(f, " but in {}", self.grn_exceptions.join(", "))?;
        }
        if self.uses_grn() && self.grn_reduction == GrnReduction::Sum { write!(f, " by sum") } else { Ok(()) }
    }
}

impl Config {
    /// A published size; `width` 32 is the papers' base, 64 the "width x2" of v2.
    pub fn preset(preset: Preset, generation: Generation, kernel: usize, width: usize, in_channels: usize, classes: usize) -> Self {
        let (ratios, blocks) = match preset {
            Preset::S => ([2; 9], [2; 9]),
            Preset::B => ([2, 3, 4, 4, 4, 4, 4, 3, 2], [2; 9]),
            Preset::M => ([2, 3, 4, 4, 4, 4, 4, 3, 2], [3, 4, 4, 4, 4, 4, 4, 4, 3]),
            Preset::L => ([3, 4, 8, 8, 8, 8, 8, 4, 3], [3, 4, 8, 8, 8, 8, 8, 4, 3]),
        };
        let grn = generation == Generation::V2;
        // As published: the public code forgets GRN on the first downsampling block.
        let grn_exceptions = if grn { vec!["down_0".to_owned()] } else { Vec::new() };
        let deep_supervision = true;
        Self {
            in_channels,
            classes,
            width,
            kernel,
            ratios,
            blocks,
            grn,
            grn_exceptions,
            grn_reduction: GrnReduction::Mean,
            deep_supervision,
        }
    }

    /// Whether any block has GRN.
    pub fn uses_grn(&self) -> bool {
        self.grn || !self.grn_exceptions.is_empty()
    }

    /// Whether the block of that name has GRN.
    pub fn has_grn(&self, block: &str) -> bool {
        self.grn != self.grn_exceptions.iter().any(|name| name == block)
    }

    /// Refuses configurations no graph can be built from.
    pub fn check(&self) -> Result<(), ConfigError> {
        // With these limits no size, parameter count or operation count of a network overflows 64 bits.
        let counts = [("in_channels", self.in_channels, 1024), ("classes", self.classes, 65_535), ("width", self.width, 512)];
        let ratios = self.ratios.iter().map(|ratio| ("every expansion ratio", *ratio, 32));
        let blocks = self.blocks.iter().map(|blocks| ("every block count", *blocks, 64));
        if let Some((name, ..)) = counts.into_iter().chain(ratios.clone()).find(|(_, value, _)| *value == 0) {
            return Err(ConfigError::Zero(name));
        }
        if let Some((name, value, limit)) = counts.into_iter().chain(ratios).chain(blocks).find(|(_, value, limit)| value > limit) {
            return Err(ConfigError::TooLarge { name, value, limit });
        }
        if self.kernel.is_multiple_of(2) || self.kernel > 15 {
            return Err(ConfigError::Kernel(self.kernel));
        }
        Ok(())
    }

    /// Refuses patches (z, y, x) the network cannot run on.
    pub fn check_patch(&self, patch_zyx: [usize; 3]) -> Result<(), ConfigError> {
        if patch_zyx.iter().any(|n| *n == 0 || !n.is_multiple_of(16)) {
            return Err(ConfigError::Patch(patch_zyx));
        }
        if patch_zyx.iter().any(|n| *n > 1024) {
            return Err(ConfigError::PatchTooLarge(patch_zyx));
        }
        if patch_zyx.iter().all(|n| *n == 16) {
            return Err(ConfigError::PatchTooSmall(patch_zyx));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_networks_are_refused() {
        let good = Config::preset(Preset::L, Generation::V2, 3, 64, 1, 120);
        good.check().unwrap();
        assert_eq!(Config { width: 0, ..good.clone() }.check(), Err(ConfigError::Zero("width")));
        assert_eq!(Config { kernel: 4, ..good.clone() }.check(), Err(ConfigError::Kernel(4)));
        let mut wide = good.clone();
        wide.ratios[3] = usize::MAX;
        assert_eq!(wide.check().unwrap_err().to_string(), format!("every expansion ratio must be at most 32, not {}", usize::MAX));
        assert_eq!(good.check_patch([128, 128, 100]), Err(ConfigError::Patch([128, 128, 100])));
        assert_eq!(good.check_patch([16; 3]), Err(ConfigError::PatchTooSmall([16; 3])));
        assert_eq!(good.check_patch([1 << 20, 16, 16]), Err(ConfigError::PatchTooLarge([1 << 20, 16, 16])));
        good.check_patch([16, 16, 32]).unwrap();
    }
}
