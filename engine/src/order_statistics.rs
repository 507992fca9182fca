//! Multiset with access by rank.

use crate::snapshot::packed;

/// Values a block holds before it is split.
const BLOCK_MAX: usize = 512;

/// Numbers in order, cut into blocks: insert, remove and rank cost O(√n) steps at the sizes
/// a window reaches, with no tree to balance.
#[derive(Debug, Default)]
pub struct OrderStatistics {
    // INVARIANT: no block is empty; values ascend within and across blocks.
    blocks: Vec<Vec<i128>>,
    len: usize,
}

impl OrderStatistics {
    /// Adds a value.
    pub(crate) fn insert(&mut self, value: i128) {
        self.len += 1;
        let at = self.block_of(value).min(self.blocks.len().saturating_sub(1));
        let Some(block) = self.blocks.get_mut(at) else {
            self.blocks.push(vec![value]);
            return;
        };
        block.insert(block.partition_point(|have| *have < value), value);
        if block.len() > BLOCK_MAX {
            let upper = block.split_off(BLOCK_MAX / 2);
            self.blocks.insert(at + 1, upper);
        }
    }

    /// Removes one occurrence of a value; false when there is none.
    pub(crate) fn remove(&mut self, value: i128) -> bool {
        let at = self.block_of(value);
        let Some(block) = self.blocks.get_mut(at) else {
            return false;
        };
        let Ok(place) = block.binary_search(&value) else {
            return false;
        };
        block.remove(place);
        if block.is_empty() {
            self.blocks.remove(at);
        }
        self.len -= 1;
        true
    }

    /// The value of a rank counted from 1, smallest first.
    pub(crate) fn at_rank(&self, rank: usize) -> Option<i128> {
        let mut before = rank.checked_sub(1)?;
        for block in &self.blocks {
            if let Some(value) = block.get(before) {
                return Some(*value);
            }
            before -= block.len();
        }
        None
    }

    /// Number of values.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The first block whose largest value is not below `value`.
    fn block_of(&self, value: i128) -> usize {
        self.blocks.partition_point(|block| block.last().is_some_and(|last| *last < value))
    }
}

packed!(OrderStatistics { blocks, len });

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_sorted_vector(
            steps in prop::collection::vec((any::<bool>(), 0_i128..40), 0..2000),
        ) {
            let mut ranked = OrderStatistics::default();
            let mut plain: Vec<i128> = Vec::new();
            for (add, value) in steps {
                if add || plain.len() < 5 {
                    ranked.insert(value);
                    plain.push(value);
                    plain.sort_unstable();
                } else {
                    let place = plain.iter().position(|have| *have == value);
                    prop_assert_eq!(ranked.remove(value), place.is_some());
                    if let Some(place) = place {
                        plain.remove(place);
                    }
                }
            }
            prop_assert_eq!(ranked.len(), plain.len());
            for rank in 0..plain.len() + 2 {
                let want = rank.checked_sub(1).and_then(|index| plain.get(index)).copied();
                prop_assert_eq!(ranked.at_rank(rank), want);
            }
        }
    }

    #[test]
    fn blocks_split_and_vanish() {
        let mut ranked = OrderStatistics::default();
        for value in (0..3000).rev() {
            ranked.insert(value);
        }
        assert!(ranked.blocks.len() > 3);
        assert!((1..=3000).all(|rank| ranked.at_rank(rank) == Some(rank as i128 - 1)));
        assert!((0..3000).all(|value| ranked.remove(value)));
        assert!(ranked.blocks.is_empty());
    }
}
