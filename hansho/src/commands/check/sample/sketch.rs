//! Estimate of the number of distinct keys in constant memory.

/// Hashes one sketch keeps: 8 KiB. The estimate's standard error is one in the root of this.
pub(super) const HASHES_MAX: usize = 1024;
/// Of an estimate, what is certain: three standard errors less, in parts of a hundred.
const CERTAIN_PERCENT: f64 = 90.0;

/// The smallest hashes of all there were: the closer they lie, the more there are.
///
/// K minimum values, after Bar-Yossef et al. (2002) with the unbiased estimate of Beyer et al.
/// (2007); exact as long as all of them are kept. Hashes must be even over 64 bits.
#[derive(Clone, Debug, Default)]
pub(super) struct DistinctSketch {
    /// Ascending, without repeats.
    smallest: Vec<u64>,
}

impl DistinctSketch {
    pub(super) fn record(&mut self, hash: u64) {
        let is_full = self.smallest.len() >= HASHES_MAX;
        if is_full && self.smallest.last().is_some_and(|last| hash >= *last) {
            return;
        }
        if let Err(at) = self.smallest.binary_search(&hash) {
            if is_full {
                self.smallest.pop();
            }
            self.smallest.insert(at, hash);
        }
    }

    pub(super) fn clear(&mut self) {
        self.smallest.clear();
    }

    /// Lower bound of the number of distinct ones; but for one time in a thousand.
    pub(super) fn at_least(&self) -> u64 {
        let kept = self.smallest.len();
        match self.smallest.last() {
            Some(last) if kept >= HASHES_MAX => {
                let covered = (*last as f64 + 1.0) / (u64::MAX as f64);
                ((kept - 1) as f64 / covered * CERTAIN_PERCENT / 100.0) as u64
            }
            _ => kept as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::key_group::key_hash;
    use model::key::{KeyValue, encode_key};

    use super::*;

    fn noted(keys: u64, times: u64) -> DistinctSketch {
        let mut sketch = DistinctSketch::default();
        for key in (0..times).flat_map(|_| 0..keys) {
            sketch.record(key_hash(&encode_key([&KeyValue::Text(format!("key-{key}"))])));
        }
        sketch
    }

    #[test]
    fn few_are_exact_and_many_are_never_overstated() {
        for keys in [0, 1, 1000, HASHES_MAX as u64 - 1] {
            assert_eq!(noted(keys, 3).at_least(), keys, "{keys}");
        }
        for keys in [2_000, 20_000, 200_000] {
            let sketch = noted(keys, 1);
            let at_least = sketch.at_least();
            assert!((keys * 8 / 10..=keys).contains(&at_least), "{at_least} of {keys}");
            assert_eq!(sketch.smallest.len(), HASHES_MAX);
        }
    }
}
