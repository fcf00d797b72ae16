//! Folds of a cross-validation, the same cases in each as nnU-Net v2 puts there.
//!
//! nnU-Net (`crossval_split.py`, `nnUNetTrainer.do_split`) takes scikit-learn's `KFold(5, shuffle=True, random_state=12345)` of the
//! sorted names, and for folds beyond the last a random 80:20. Both draw from numpy's Mersenne Twister.

/// Folds of nnU-Net's cross-validation.
const FOLDS: usize = 5;
/// Its seed.
const SEED: u32 = 12345;

/// Cases one fold learns from, and those it is judged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Learned from.
    pub train: Vec<String>,
    /// Judged by.
    pub validation: Vec<String>,
}

/// Too few cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a cross-validation needs at least {FOLDS} cases, this dataset has {0}; add cases or choose which ones to judge by")]
pub struct TooFew(usize);

/// The five folds of these cases (or patients: what must not be torn apart has one name).
pub fn splits(names: &[String]) -> Result<Vec<Split>, TooFew> {
    let sorted = sorted(names);
    if sorted.len() < FOLDS {
        return Err(TooFew(sorted.len()));
    }
    let order = Twister::new(SEED).permutation(sorted.len());
    let (each, more) = (sorted.len() / FOLDS, sorted.len() % FOLDS);
    let folds = (0..FOLDS).map(|fold| {
        let first = fold * each + fold.min(more);
        let judged = &order[first..first + each + usize::from(fold < more)];
        let (validation, train) = (0..sorted.len()).partition::<Vec<_>, _>(|index| judged.contains(index));
        Split { train: take(&sorted, &train), validation: take(&sorted, &validation) }
    });
    Ok(folds.collect())
}

/// Fold `fold` of nnU-Net beyond those of [`splits`]: four of five cases, at random.
pub fn random_split(names: &[String], fold: u32) -> Split {
    let sorted = sorted(names);
    let mut train = Twister::new(SEED.wrapping_add(fold)).permutation(sorted.len());
    train.truncate(sorted.len() * 4 / 5);
    let validation: Vec<usize> = (0..sorted.len()).filter(|index| !train.contains(index)).collect();
    Split { train: take(&sorted, &train), validation: take(&sorted, &validation) }
}

fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort();
    names
}

fn take(names: &[String], indices: &[usize]) -> Vec<String> {
    indices.iter().map(|index| names[*index].clone()).collect()
}

const STATE: usize = 624;
const SHIFT: usize = 397;

/// MT19937 (Matsumoto & Nishimura 1998), seeded and drawn from as `numpy.random.RandomState` does.
struct Twister {
    state: [u32; STATE],
    next: usize,
}

impl Twister {
    fn new(seed: u32) -> Self {
        let mut state = [seed; STATE];
        for i in 1..STATE {
            state[i] = 1_812_433_253_u32.wrapping_mul(state[i - 1] ^ (state[i - 1] >> 30)).wrapping_add(i as u32);
        }
        Self { state, next: STATE }
    }

    fn draw(&mut self) -> u32 {
        if self.next == STATE {
            for i in 0..STATE {
                let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % STATE] & 0x7fff_ffff);
                let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + SHIFT) % STATE] ^ (y >> 1) ^ odd;
            }
            self.next = 0;
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// Uniform in `0..=highest`: numpy draws until what its bits allow is not above.
    fn up_to(&mut self, highest: u32) -> u32 {
        let mask = u32::MAX.checked_shr(highest.leading_zeros()).unwrap_or(0);
        loop {
            let drawn = self.draw() & mask;
            if drawn <= highest {
                return drawn;
            }
        }
    }

    /// `RandomState.permutation`.
    fn permutation(&mut self, len: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..len).collect();
        for i in (1..len).rev() {
            order.swap(i, self.up_to(i as u32) as usize);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::misc_json;

    fn names(n: usize) -> Vec<String> {
        (0..n).rev().map(|i| format!("case_{i:03}")).collect()
    }

    #[test]
    fn folds_are_those_of_nnunet() {
        for (n, want) in misc_json()["splits"].as_object().unwrap() {
            let names = names(n.parse().unwrap());
            let splits = splits(&names).unwrap();
            let want: Vec<Vec<String>> = serde_json::from_value(want.clone()).unwrap();
            assert_eq!(splits.iter().map(|split| split.validation.clone()).collect::<Vec<_>>(), want, "{n} cases");
            for split in splits {
                let mut all = [split.train, split.validation].concat();
                all.sort();
                assert_eq!(all, sorted(&names));
            }
        }
    }

    /// The first outputs for seed 5489, from the authors' reference program.
    #[test]
    fn the_twister_is_the_published_one() {
        let mut twister = Twister::new(5489);
        assert_eq!([(); 5].map(|()| twister.draw()), [3_499_211_612, 581_869_302, 3_890_346_734, 3_586_334_585, 545_404_204]);
    }

    /// What numpy's `RandomState(12345 + fold).choice(n, int(n * 0.8), replace=False)` leaves.
    #[test]
    fn later_folds_are_those_of_nnunet() {
        for (n, fold, want) in [(10, 5, &[1, 2][..]), (23, 7, &[3, 5, 10, 14, 21])] {
            let split = random_split(&names(n), fold);
            assert_eq!(split.validation, want.iter().map(|i| format!("case_{i:03}")).collect::<Vec<_>>());
            assert_eq!(split.train.len(), n - want.len());
        }
    }

    #[test]
    fn few_cases_are_refused() {
        assert_eq!(splits(&names(4)).unwrap_err(), TooFew(4));
    }
}
