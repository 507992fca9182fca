//! Keys of earlier versions: each is an error that names the key to write instead.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::{ConfigError, ConfigFile};

/// Renamed keys: the key of earlier versions and its new name. `*` stands for any name.
pub(super) const RENAMED_KEYS: [(&str, &str); 10] = [
    ("kafka.start", "kafka.auto_offset_reset"),
    ("limits.idle", "limits.idle_timeout"),
    ("limits.unsettled_bytes", "limits.reorder_buffer_bytes"),
    ("limits.storm_max", "limits.notify_rate_limit_per_min"),
    ("limits.flap_max", "limits.flap_threshold"),
    ("limits.held_back_max", "limits.pause_alert_after"),
    ("limits.snapshot_every", "limits.snapshot_interval"),
    ("limits.meta_quiet", "limits.self_alert_resolve_after"),
    ("severities.*.remind", "severities.*.repeat_interval"),
    ("severities.*.batch", "severities.*.group_wait"),
];

/// A renamed key that a file contains.
struct RenamedKey {
    span: Range<usize>,
    /// The key as written, with its table.
    old: String,
    /// The key to write instead.
    new: String,
}

/// Refuses keys of earlier versions, all of them in one error, in the order of the file.
pub(super) fn check(file: &ConfigFile<'_>, document: &DeTable<'_>) -> Result<(), ConfigError> {
    let mut found = Vec::new();
    for (old, new) in RENAMED_KEYS {
        find(document, old, new, &mut found);
    }
    found.sort_by_key(|it| it.span.start);
    let mut errors = found.into_iter().map(|it| {
        let what = format!("was renamed; write `{}`", it.new);
        ConfigError { key: Some(it.old), ..file.error(Some(it.span), what) }
    });
    let Some(mut first) = errors.next() else { return Ok(()) };
    for further in errors {
        first.what.push('\n');
        first.what.push_str(&further.to_string());
    }
    Err(first)
}

/// Finds the keys of a table that a pattern names, in the table and in those below it.
fn find(table: &DeTable<'_>, old: &str, new: &str, found: &mut Vec<RenamedKey>) {
    let (name, below) = old.split_once('.').map_or((old, None), |(name, rest)| (name, Some(rest)));
    let new_below = new.split_once('.').map(|(_, rest)| rest);
    for (key, value) in table {
        let written: &str = key.get_ref();
        if name != "*" && name != written {
            continue;
        }
        let (Some(below), Some(new_below)) = (below, new_below) else {
            found.push(RenamedKey {
                span: key.span(),
                old: written.to_owned(),
                new: new.to_owned(),
            });
            continue;
        };
        if let DeValue::Table(inner) = Spanned::get_ref(value) {
            let first = found.len();
            find(inner, below, new_below, found);
            for it in found.iter_mut().skip(first) {
                it.old = format!("{written}.{}", it.old);
                it.new = format!("{written}.{}", it.new);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::NodeConfig;
    use super::*;

    const REST: &str = "\nrules = [\"r\"]\nkafka.properties = { \"bootstrap.servers\" = \"a:1\" }\n\
                        [[sinks]]\nname = \"a\"\ntype = \"stdout\"\n";

    fn refused(text: &str) -> String {
        NodeConfig::parse(text, Path::new("etc/hansho.toml")).unwrap_err().to_string()
    }

    /// The value that each new key takes.
    fn value(new: &str) -> &'static str {
        match new {
            "kafka.auto_offset_reset" => "\"latest\"",
            "limits.reorder_buffer_bytes" => "\"1MiB\"",
            "limits.notify_rate_limit_per_min" | "limits.flap_threshold" => "7",
            "severities.low.repeat_interval" => "\"9d\"",
            _ => "\"1m\"",
        }
    }

    #[test]
    fn every_renamed_key_is_an_error_that_names_the_new_key() {
        for (old, new) in RENAMED_KEYS {
            let (old, new) = (old.replace('*', "low"), new.replace('*', "low"));
            let value = value(&new);
            let dotted = format!("# a comment\n{old} = {value}{REST}");
            let want = format!("etc/hansho.toml:2: {old}: was renamed; write `{new}`");
            assert_eq!(refused(&dotted), want);
            let (table, key) = old.rsplit_once('.').unwrap();
            let in_tables = REST
                .replace("kafka.properties", "[kafka]\nproperties")
                .replace("[kafka]", &format!("[{table}]\n{key} = {value}\n[kafka]"));
            let in_table = in_tables.replace(&format!("{value}\n[{table}]"), value);
            let want = format!("etc/hansho.toml:4: {old}: was renamed; write `{new}`");
            assert_eq!(refused(&in_table), want);
            let renamed = format!("{new} = {value}{REST}");
            let taken = NodeConfig::parse(&renamed, Path::new("hansho.toml"));
            assert!(taken.is_ok(), "{renamed}: {taken:?}");
        }
    }

    #[test]
    fn several_renamed_keys_are_one_error_in_the_order_of_the_file() {
        let text = format!(
            "severities.high.batch = \"1s\"\nlimits.flap_max = 1\n\
             severities.low.batch = \"2s\"{REST}"
        );
        assert_eq!(
            refused(&text),
            "etc/hansho.toml:1: severities.high.batch: was renamed; write \
             `severities.high.group_wait`\n\
             etc/hansho.toml:2: limits.flap_max: was renamed; write `limits.flap_threshold`\n\
             etc/hansho.toml:3: severities.low.batch: was renamed; write \
             `severities.low.group_wait`"
        );
    }
}
