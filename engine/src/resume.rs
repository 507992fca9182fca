//! Offsets from which a partition is replayed after a restart.

use std::collections::BTreeMap;

use model::time::Timestamp;

use crate::snapshot::packed;

/// Number of buckets for one horizon: more buckets, less unnecessary replay.
const BUCKETS_PER_HORIZON: i64 = 1024;
/// Maximum number of buckets: where none is dropped for long, they become coarser instead.
const BUCKETS_MAX: usize = 4 * BUCKETS_PER_HORIZON as usize;

/// Index of the recent past of one partition: the first offset of each interval of event time.
///
/// A replay from a *time* would lose events that came out of order; a replay from the first
/// *offset* with an event later than the instant loses none. The front just before that offset is
/// stored with it, so that late events are late again.
#[derive(Clone, Debug)]
pub struct ResumeIndex {
    bucket_ms: i64,
    buckets: BTreeMap<i64, ResumePoint>,
    /// Bucket of the last recorded event: most events share it with the one before.
    last: Option<i64>,
}

/// Position in a partition, and the state needed to replay from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResumePoint {
    /// Offset to read next.
    pub offset: i64,
    /// The partition's front before that offset.
    pub front: Option<Timestamp>,
}

impl ResumeIndex {
    /// Creates an index for rules that depend on `horizon_ms` of the past.
    pub fn new(horizon_ms: i64) -> ResumeIndex {
        ResumeIndex {
            bucket_ms: (horizon_ms / BUCKETS_PER_HORIZON).max(1),
            buckets: BTreeMap::new(),
            last: None,
        }
    }

    /// Records an event of the partition, in the order of offsets.
    pub fn record(&mut self, time: Timestamp, here: ResumePoint) {
        let bucket = time.0.div_euclid(self.bucket_ms);
        // If the last bucket was dropped since, this event's would be dropped as well: instants
        // never decrease.
        if self.last.replace(bucket) != Some(bucket) {
            self.buckets.entry(bucket).or_insert(here);
            if self.buckets.len() > BUCKETS_MAX {
                self.coarsen();
            }
        }
    }

    /// Doubles the interval of a bucket: somewhat more is replayed, and nothing is lost.
    fn coarsen(&mut self) {
        self.bucket_ms = self.bucket_ms.saturating_mul(2);
        self.last = None;
        for (bucket, point) in std::mem::take(&mut self.buckets) {
            let kept = self.buckets.entry(bucket.div_euclid(2)).or_insert(point);
            if point.offset < kept.offset {
                *kept = point;
            }
        }
    }

    /// Positions in the index, in the order of time.
    pub fn places(&self) -> impl Iterator<Item = ResumePoint> + '_ {
        self.buckets.values().copied()
    }

    /// Returns the first position with an event later than `instant`; `end` where there is none.
    ///
    /// Instants must not decrease: positions at or before them are dropped.
    pub fn resume_after(&mut self, instant: Timestamp, end: ResumePoint) -> ResumePoint {
        self.buckets = self.buckets.split_off(&instant.plus(1).0.div_euclid(self.bucket_ms));
        self.buckets.values().copied().min_by_key(|point| point.offset).unwrap_or(end)
    }
}

packed!(ResumeIndex { bucket_ms, buckets, last });
packed!(ResumePoint { offset, front });

#[cfg(test)]
mod tests {
    use super::*;

    /// A replay, or a service that cannot commit for days, forgets nothing.
    #[test]
    fn an_index_that_is_never_asked_stays_small_and_never_skips_an_event() {
        let mut index = ResumeIndex::new(60_000);
        let time = |offset: i64| offset * 61 - offset % 7 * 300;
        for offset in 0..200_000 {
            index.record(Timestamp(time(offset)), ResumePoint { offset, front: None });
        }
        assert!(index.buckets.len() <= BUCKETS_MAX, "{}", index.buckets.len());
        let end = ResumePoint { offset: 200_000, front: None };
        for instant in (0..12_000_000).step_by(97_001) {
            let first = (0..200_000).find(|offset| time(*offset) > instant).unwrap_or(200_000);
            let resumed = index.resume_after(Timestamp(instant), end).offset;
            assert!(resumed <= first, "{instant}: {resumed}, not {first}");
        }
    }

    #[test]
    fn out_of_order_events_are_read_again_too() {
        let point = |offset| ResumePoint { offset, front: Some(Timestamp(offset * 10)) };
        let mut index = ResumeIndex::new(1000);
        for (offset, time) in [(0, 100), (1, 900), (2, 200), (3, 950), (4, 901)] {
            index.record(Timestamp(time), point(offset));
        }
        let end = point(5);
        let resume = |index: &mut ResumeIndex, at| index.resume_after(Timestamp(at), end).offset;
        assert_eq!(resume(&mut index, 99), 0);
        assert_eq!(resume(&mut index, 100), 1);
        assert_eq!(resume(&mut index, 900), 3);
        assert_eq!(resume(&mut index, 949), 3);
        assert_eq!(resume(&mut index, 950), 5);
    }

    #[test]
    fn a_coarse_index_reads_too_much_never_too_little() {
        let mut index = ResumeIndex::new(10_240);
        for offset in 0..100 {
            let here = ResumePoint { offset, front: None };
            index.record(Timestamp(offset * 7), here);
        }
        let resumed = index.resume_after(Timestamp(350), ResumePoint { offset: 100, front: None });
        assert_eq!(resumed.offset, 50);
    }
}
