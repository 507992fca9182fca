//! Metrics of watches: one gauge with a series for each watch and key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use engine::shard::WatchSample;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::metrics::MetricRegistrar;

/// Most keys exported of one watch; of more, those that sort first.
pub const WATCH_SERIES_MAX: usize = 1_000;

/// Label of the watch's name; no label of a key component may be the same.
const NAME_LABEL: &str = "watch";

type WatchLabels = Vec<(String, String)>;

/// Gauge of all watches and the series it has.
#[derive(Debug)]
pub(super) struct WatchMetrics {
    values: Family<WatchLabels, Gauge<f64, AtomicU64>>,
    left_out: Gauge,
    shown: Mutex<BTreeSet<WatchLabels>>,
}

impl WatchMetrics {
    pub(super) fn new(of: &mut MetricRegistrar) -> WatchMetrics {
        WatchMetrics {
            values: of.add("watch", "Value of the measure of a watch, in base units"),
            left_out: of.add("watch_keys_not_exported", "Keys of watches above the export limit"),
            shown: Mutex::default(),
        }
    }

    /// Sets these values and removes every other series.
    pub(super) fn record<'a>(&self, watched: impl Iterator<Item = &'a WatchSample>) {
        let mut by_watch: BTreeMap<&str, BTreeMap<WatchLabels, f64>> = BTreeMap::new();
        for one in watched {
            let value = one.value.to_string().parse().unwrap_or(f64::NAN);
            by_watch.entry(&one.watch).or_default().insert(labels(one), value);
        }
        let left_out = by_watch.values().map(|of| of.len().saturating_sub(WATCH_SERIES_MAX)).sum();
        let left_out: usize = left_out;
        let mut now = BTreeSet::new();
        for (labels, value) in
            by_watch.into_values().flat_map(|of| of.into_iter().take(WATCH_SERIES_MAX))
        {
            self.values.get_or_create(&labels).set(value);
            now.insert(labels);
        }
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in shown.difference(&now) {
            self.values.remove(gone);
        }
        *shown = now;
        self.left_out.set(i64::try_from(left_out).unwrap_or(i64::MAX));
    }
}

/// Labels of one series, such as `watch="API呼び出し",service="pay"`.
fn labels(one: &WatchSample) -> WatchLabels {
    let mut labels: WatchLabels = vec![(NAME_LABEL.to_owned(), one.watch.clone())];
    for (name, value) in &one.key {
        let mut label = label_name(name);
        while labels.iter().any(|(known, _)| *known == label) {
            label.push('_');
        }
        labels.push((label, value.to_string()));
    }
    labels
}

/// Label name of a field, `[a-zA-Z_][a-zA-Z0-9_]*`; `__…` is reserved for the collector.
fn label_name(field: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let mapped: String = field.chars().map(fits).collect();
    let is_own = mapped.starts_with("__") || !mapped.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_own { format!("key_{}", mapped.trim_start_matches('_')) } else { mapped }
}

#[cfg(test)]
mod tests {
    use model::decimal::Decimal;
    use model::key::KeyValue;
    use model::time::Timestamp;
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    fn one(watch: &str, key: &[(&str, &str)], value: &str) -> WatchSample {
        let part = |(name, value): &(&str, &str)| {
            ((*name).to_owned(), KeyValue::Text((*value).to_owned()))
        };
        WatchSample {
            watch: watch.to_owned(),
            key: key.iter().map(part).collect(),
            value: Decimal::parse(value).unwrap(),
            at: Timestamp(0),
        }
    }

    fn shown(watches: &WatchMetrics) -> BTreeSet<String> {
        let mut registry = Registry::default();
        registry.register("watch", "", watches.values.clone());
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text.lines().filter(|line| line.starts_with("watch{")).map(str::to_owned).collect()
    }

    #[test]
    fn a_watch_has_a_series_for_each_key_and_none_of_what_is_gone() {
        let watches = WatchMetrics::new(&mut MetricRegistrar::default());
        let first = [one("w", &[("service", "pay")], "3"), one("w", &[("service", "web")], "0.5")];
        watches.record(first.iter());
        let want =
            [r#"watch{watch="w",service="pay"} 3.0"#, r#"watch{watch="w",service="web"} 0.5"#];
        assert_eq!(shown(&watches), want.map(str::to_owned).into());
        watches.record([one("w", &[("service", "web")], "2"), one("v", &[], "7")].iter());
        let want = [r#"watch{watch="w",service="web"} 2.0"#, r#"watch{watch="v"} 7.0"#];
        assert_eq!(shown(&watches), want.map(str::to_owned).into());
    }

    #[test]
    fn names_of_fields_become_names_of_labels() {
        let cases = [
            ("service", "service"),
            ("user.name", "user_name"),
            ("k8s.pod/name", "k8s_pod_name"),
            ("5xx", "key_5xx"),
            ("__name__", "key_name__"),
            ("場所", "key_"),
        ];
        for (field, want) in cases {
            assert_eq!(label_name(field), want, "{field}");
        }
        let both = one("w", &[("a.b", "1"), ("a_b", "2"), ("watch", "3")], "1");
        let names: Vec<String> = labels(&both).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["watch", "a_b", "a_b_", "watch_"]);
    }

    #[test]
    fn a_watch_of_very_many_keys_is_cut_and_says_so() {
        let watches = WatchMetrics::new(&mut MetricRegistrar::default());
        let names: Vec<String> = (0..WATCH_SERIES_MAX + 5).map(|n| format!("{n:05}")).collect();
        let many: Vec<WatchSample> =
            names.iter().map(|name| one("w", &[("k", name)], "1")).collect();
        watches.record(many.iter());
        assert_eq!((shown(&watches).len(), watches.left_out.get()), (WATCH_SERIES_MAX, 5));
        watches.record(many.iter().take(1));
        assert_eq!((shown(&watches).len(), watches.left_out.get()), (1, 0));
    }
}
