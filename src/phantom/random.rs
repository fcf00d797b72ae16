//! Seeded randomness: draws for the anatomy, smooth noise for textures, low-frequency warps for organic shapes.

use glam::{DVec3, IVec3};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Independent sequences of one seed, so that a new draw in one part does not move the others.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    Anatomy,
    Textures,
    Acquisition,
    /// Acquisition noise of one slice; a stream per slice keeps the bits free of the thread count.
    Slice(usize),
}

/// A generator that draws in plain ranges.
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    pub(crate) fn new(seed: u64, stream: Stream) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(match stream {
            Stream::Anatomy => 0,
            Stream::Textures => 1,
            Stream::Acquisition => 2,
            Stream::Slice(z) => 3 + z as u64,
        });
        Self(rng)
    }

    /// Uniform in `[low, high)`.
    pub(crate) fn range(&mut self, low: f64, high: f64) -> f64 {
        self.0.random_range(low..high)
    }

    /// `mean` plus or minus at most `spread`.
    pub(crate) fn about(&mut self, mean: f64, spread: f64) -> f64 {
        self.range(mean - spread, mean + spread)
    }

    /// A point in a box around `mean`.
    pub(crate) fn point(&mut self, mean: [f64; 3], spread: [f64; 3]) -> DVec3 {
        DVec3::from_array(std::array::from_fn(|i| self.about(mean[i], spread[i])))
    }

    /// Standard normal (Box-Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.range(f64::MIN_POSITIVE, 1.0).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.range(0.0, 1.0)).cos()
    }

    fn bits(&mut self) -> u64 {
        self.0.random_range(0..u64::MAX)
    }
}

/// Value noise in `[-1, 1]` on an integer lattice with smooth interpolation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noise {
    key: u64,
}

impl Noise {
    pub(crate) fn new(draw: &mut Draw) -> Self {
        Self { key: draw.bits() }
    }

    /// Noise whose blobs are about `size_mm` wide.
    pub(crate) fn at(&self, p: DVec3, size_mm: f64) -> f64 {
        let q = p / size_mm;
        let cell = q.floor();
        let t = q - cell;
        let t = t * t * (DVec3::splat(3.0) - 2.0 * t);
        let cell = cell.as_ivec3();
        let corner = |x, y, z| self.lattice(cell + IVec3::new(x, y, z));
        let mix = |a: f64, b: f64, t: f64| a + (b - a) * t;
        let plane = |z| mix(mix(corner(0, 0, z), corner(1, 0, z), t.x), mix(corner(0, 1, z), corner(1, 1, z), t.x), t.y);
        mix(plane(0), plane(1), t.z)
    }

    /// Hash of a lattice point (finaliser of splitmix64).
    fn lattice(&self, cell: IVec3) -> f64 {
        // The shift makes coordinates positive, so that each keeps to its own bits.
        let [x, y, z] = (cell + IVec3::splat(1 << 16)).to_array().map(|i| i as u64);
        let place = x ^ (y << 21) ^ (z << 42);
        let mut h = self.key.wrapping_add(place.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        h = (h ^ (h >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        h = (h ^ (h >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        h ^= h >> 31;
        (h >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// A smooth displacement field: a few plane waves per axis.
#[derive(Debug, Clone)]
pub(crate) struct Warp {
    waves: Vec<Wave>,
}

#[derive(Debug, Clone, Copy)]
struct Wave {
    frequency: DVec3,
    phase: f64,
    push_mm: DVec3,
}

impl Warp {
    /// Waves of 80 to 200 mm; together they move a point by `strength_mm` on average.
    pub(crate) fn new(draw: &mut Draw, strength_mm: f64) -> Self {
        const WAVES: usize = 10;
        let mut direction = |length: f64| DVec3::new(draw.normal(), draw.normal(), draw.normal()).normalize_or(DVec3::Z) * length;
        let pairs: Vec<_> = (0..WAVES)
            .map(|i| {
                let wavelength = 80.0 + 120.0 * i as f64 / (WAVES - 1) as f64;
                (direction(std::f64::consts::TAU / wavelength), direction(strength_mm * (2.0 / WAVES as f64).sqrt()))
            })
            .collect();
        let waves = pairs
            .into_iter()
            .map(|(frequency, push_mm)| Wave { frequency, phase: draw.range(0.0, std::f64::consts::TAU), push_mm })
            .collect();
        Self { waves }
    }

    /// Where the tissue at `p` comes from.
    pub(crate) fn apply(&self, p: DVec3) -> DVec3 {
        self.waves.iter().fold(p, |q, wave| q + wave.push_mm * (wave.frequency.dot(p) + wave.phase).sin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_bounded_smooth_and_seeded() {
        let noise = Noise::new(&mut Draw::new(3, Stream::Textures));
        let other = Noise::new(&mut Draw::new(4, Stream::Textures));
        let mut differs = false;
        for i in -200..200 {
            let p = DVec3::new(f64::from(i) * 0.1, -3.3, 7.0);
            let (here, next) = (noise.at(p, 10.0), noise.at(p + DVec3::X * 0.1, 10.0));
            assert!(here.abs() <= 1.0);
            assert!((here - next).abs() < 0.04);
            differs |= (here - other.at(p, 10.0)).abs() > 0.1;
        }
        assert!(differs);
    }

    #[test]
    fn normal_draws_have_unit_variance() {
        let mut draw = Draw::new(1, Stream::Slice(5));
        let values: Vec<f64> = (0..20_000).map(|_| draw.normal()).collect();
        let mean = values.iter().sum::<f64>() / 20_000.0;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05);
    }
}
