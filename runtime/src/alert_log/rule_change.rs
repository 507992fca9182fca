//! The record of an activation of rules in the alert log.

use std::collections::BTreeMap;

use engine::program_upgrade::SettledStreams;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::rules::loaded::LoadedRules;

/// Opening of every record of rules: nothing else in the log does.
const HEAD: &[u8] = b"{\"rules_in_force\":";

/// A record of the alert log, as it is written.
#[derive(Serialize, Deserialize)]
struct RulesLine {
    #[serde(rename = "rules_in_force")]
    rules_active: String,
    settled_ms: BTreeMap<String, i64>,
    /// By alert: its first instant, where an earlier change set it that still matters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    begins_ms: BTreeMap<String, i64>,
    /// Hash of the rules before, where these are only another wording of them and they have
    /// evaluated nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    amends: Option<String>,
    at_ms: i64,
    by: String,
    files: Vec<String>,
}

/// The record of an activation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleChange {
    /// Their hash.
    pub(crate) rules: u64,
    /// By stream name: the last instant that was settled before.
    pub(crate) settled: SettledStreams,
    /// By alert: its first instant, where an earlier change set it that still matters.
    pub(crate) begins: BTreeMap<String, Timestamp>,
    /// Hash of the rules before, where these are only another wording of them. If those have
    /// evaluated nothing this record stands for theirs, too: any number of rewordings without an
    /// instant between them is one change.
    pub(crate) amends: Option<u64>,
}

impl RuleChange {
    /// The activation of rules after others, which have evaluated up to `settled`.
    pub(crate) fn after(
        before: &LoadedRules,
        rules: &LoadedRules,
        settled: SettledStreams,
    ) -> RuleChange {
        let begins = rules.program.kept_begins(&before.program, &settled);
        let is_rewording = rules.program.keeps_all_of(&before.program);
        let amends = is_rewording.then(|| before.program.hash());
        RuleChange { rules: rules.program.hash(), settled, begins, amends }
    }

    /// True when this record stands for the one before it, too.
    fn replaces(&self, before: &RuleChange) -> bool {
        self.amends == Some(before.rules)
            && self.settled == before.settled
            && !self.settled.is_empty()
    }

    /// Its line in the log, without the end.
    pub(crate) fn line(&self, at: Timestamp, by: &str, files: Vec<String>) -> Vec<u8> {
        let line = RulesLine {
            rules_active: format!("{:016x}", self.rules),
            settled_ms: in_ms(&self.settled),
            begins_ms: in_ms(&self.begins),
            amends: self.amends.map(|rules| format!("{rules:016x}")),
            at_ms: at.0,
            by: by.to_owned(),
            files,
        };
        // A struct of texts and numbers always serializes.
        serde_json::to_vec(&line).unwrap_or_default()
    }

    /// The activation of rules that apply from the beginning.
    pub(crate) fn first(rules: &LoadedRules) -> RuleChange {
        let rules = rules.program.hash();
        RuleChange { rules, settled: SettledStreams::new(), begins: BTreeMap::new(), amends: None }
    }
}

/// Adds a change to those before it, in the place of the last one if it stands for that, too.
pub(crate) fn push_change<C>(changes: &mut Vec<C>, next: C, record_of: impl Fn(&C) -> &RuleChange) {
    changes.pop_if(|before| record_of(&next).replaces(record_of(before)));
    changes.push(next);
}

/// Reads a record of rules; `None` for any other line.
pub(crate) fn read_change(line: &[u8]) -> Option<Result<RuleChange, String>> {
    line.starts_with(HEAD).then(|| {
        let line: RulesLine = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let hash =
            |text: &str| u64::from_str_radix(text, 16).map_err(|error| format!("{text}: {error}"));
        let rules = hash(&line.rules_active)?;
        let amends = line.amends.as_deref().map(hash).transpose()?;
        let instants = |by_name: BTreeMap<String, i64>| {
            by_name.into_iter().map(|(name, at)| (name, Timestamp(at))).collect()
        };
        let (settled, begins) = (instants(line.settled_ms), instants(line.begins_ms));
        Ok(RuleChange { rules, settled, begins, amends })
    })
}

fn in_ms(instants: &BTreeMap<String, Timestamp>) -> BTreeMap<String, i64> {
    instants.iter().map(|(name, at)| (name.clone(), at.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_rules_differs_from_every_other_line() {
        let settled: SettledStreams = [("auth".to_owned(), Timestamp(-5))].into();
        let begins: BTreeMap<String, Timestamp> = [("burst".to_owned(), Timestamp(-7))].into();
        let line = RulesLine {
            rules_active: format!("{:016x}", 7),
            settled_ms: in_ms(&settled),
            begins_ms: in_ms(&begins),
            amends: Some(format!("{:016x}", 6)),
            at_ms: 9,
            by: "signal".to_owned(),
            files: vec!["a.rules".to_owned()],
        };
        let line = serde_json::to_vec(&line).unwrap();
        assert_eq!(
            read_change(&line),
            Some(Ok(RuleChange { rules: 7, settled, begins, amends: Some(6) }))
        );
        // A record of an earlier build.
        let older = read_change(
            b"{\"rules_in_force\":\"7\",\"settled_ms\":{},\"at_ms\":1,\"by\":\"api\",\"files\":[]}",
        );
        let older = older.map(|of| of.map(|of| (of.begins, of.amends)));
        assert_eq!(older, Some(Ok((BTreeMap::new(), None))));
        assert_eq!(read_change(b"{\"detected_ms\":1}"), None);
        assert!(read_change(b"{\"rules_in_force\":7}").unwrap().is_err());
        assert!(read_change(b"{\"rules_in_force\":\"x\"}").unwrap().is_err());
    }
}
