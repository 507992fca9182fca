//! All filters of a stream as one tree: conditions they share are evaluated once.
//!
//! A filter is a conjunction of conditions. Conditions are ranked, `field == constant` first and
//! within that the one most filters share, and each filter is a path through the tree by rank. Of
//! many constants for one field at most one can match, and it is looked up: a thousand filters on a
//! thousand accounts cost as much as the one that matches. The tests compare with trying every
//! filter in turn.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use model::event::{Event, Value};
use rules_dsl::rule::{ComparisonOp, ConstantValue, Predicate};

use crate::predicate::{CompiledPredicate, is_equal};

/// Number of constants of a field up to which a scan is faster than hashing the event's value.
const SCANNED_MAX: usize = 4;

/// Filters of a tree under construction.
#[derive(Debug, Default)]
pub struct FilterTreeBuilder {
    ids: HashMap<Predicate, usize>,
    /// By filter: the conditions it is a conjunction of.
    conditions_of: Vec<Vec<usize>>,
    conditions: HashMap<Predicate, usize>,
    tests: Vec<CompiledPredicate>,
}

/// Compiled filters of one stream.
#[derive(Debug, Default)]
pub struct FilterTree {
    root: FilterNode,
    /// By condition: compiled once, wherever it stands in the tree.
    tests: Vec<CompiledPredicate>,
}

#[derive(Debug, Default)]
struct FilterNode {
    /// Filters whose conditions are all met on the path to this node.
    satisfied: Vec<usize>,
    fields: Vec<FieldBranch>,
    /// Conditions, each with the node it leads to when it holds.
    others: Vec<(usize, FilterNode)>,
}

/// Branches of `field == constant`, by constant.
#[derive(Debug)]
struct FieldBranch {
    field: usize,
    nodes: Vec<(ConstantValue, FilterNode)>,
    /// Indices in `nodes` by constant; empty where `nodes` are scanned.
    table: HashTable<usize>,
    hasher: DefaultHashBuilder,
}

impl FilterTreeBuilder {
    /// Adds a filter and returns its number; equal filters share one.
    ///
    /// # Errors
    /// As [`CompiledPredicate::compile`].
    pub(crate) fn add(&mut self, filter: &Predicate) -> Result<usize, regex::Error> {
        if let Some(known) = self.ids.get(filter) {
            return Ok(*known);
        }
        let mut conditions = Vec::new();
        self.split(filter, &mut conditions)?;
        conditions.sort_unstable();
        conditions.dedup();
        let id = self.conditions_of.len();
        self.conditions_of.push(conditions);
        self.ids.insert(filter.clone(), id);
        Ok(id)
    }

    fn split(&mut self, part: &Predicate, into: &mut Vec<usize>) -> Result<(), regex::Error> {
        match part {
            Predicate::True => {}
            Predicate::And(parts) => {
                for part in parts {
                    self.split(part, into)?;
                }
            }
            condition => match self.conditions.get(condition) {
                Some(known) => into.push(*known),
                None => {
                    let id = self.tests.len();
                    self.tests.push(CompiledPredicate::compile(condition)?);
                    self.conditions.insert(condition.clone(), id);
                    into.push(id);
                }
            },
        }
        Ok(())
    }

    /// Builds the tree of all filters added.
    pub(crate) fn grow(self) -> FilterTree {
        let mut uses = vec![0_usize; self.tests.len()];
        for condition in self.conditions_of.iter().flatten() {
            if let Some(uses) = uses.get_mut(*condition) {
                *uses += 1;
            }
        }
        let rank = |condition: usize| {
            let is_lookup = self.tests.get(condition).and_then(lookup).is_some();
            (!is_lookup, Reverse(uses.get(condition).copied()), condition)
        };
        let by_rank = |(id, mut path): (usize, Vec<usize>)| {
            path.sort_unstable_by_key(|condition| rank(*condition));
            (path, id)
        };
        let mut paths: Vec<_> = self.conditions_of.into_iter().enumerate().map(by_rank).collect();
        // Sorted paths that share a prefix are adjacent.
        paths.sort_unstable();
        FilterTree { root: FilterNode::grow(&paths, 0, &self.tests), tests: self.tests }
    }
}

impl FilterTree {
    /// Calls `found` with every filter the event satisfies, once.
    pub(crate) fn each(&self, event: &Event<'_>, found: &mut impl FnMut(usize)) {
        self.visit(&self.root, event, found);
    }

    fn visit(&self, node: &FilterNode, event: &Event<'_>, found: &mut impl FnMut(usize)) {
        node.satisfied.iter().copied().for_each(&mut *found);
        for branch in &node.fields {
            if let Some(next) = branch.find(event.value(branch.field)) {
                self.visit(next, event, found);
            }
        }
        for (condition, next) in &node.others {
            if self.tests.get(*condition).is_some_and(|test| test.holds(event)) {
                self.visit(next, event, found);
            }
        }
    }
}

impl FilterNode {
    /// The node at which sorted paths that share their first `depth` conditions meet.
    fn grow(
        paths: &[(Vec<usize>, usize)],
        depth: usize,
        tests: &[CompiledPredicate],
    ) -> FilterNode {
        let mut node = FilterNode::default();
        let mut fields: BTreeMap<usize, Vec<(ConstantValue, FilterNode)>> = BTreeMap::new();
        for together in paths.chunk_by(|(a, _), (b, _)| a.get(depth) == b.get(depth)) {
            let first = together.first().and_then(|(path, _)| path.get(depth));
            let Some(condition) = first else {
                node.satisfied.extend(together.iter().map(|(_, id)| *id));
                continue;
            };
            let next = FilterNode::grow(together, depth + 1, tests);
            match tests.get(*condition).and_then(lookup) {
                Some((field, constant)) => {
                    fields.entry(field).or_default().push((constant.clone(), next));
                }
                None => node.others.push((*condition, next)),
            }
        }
        node.fields =
            fields.into_iter().map(|(field, nodes)| FieldBranch::new(field, nodes)).collect();
        node
    }
}

impl FieldBranch {
    fn new(field: usize, nodes: Vec<(ConstantValue, FilterNode)>) -> FieldBranch {
        let hasher = DefaultHashBuilder::default();
        let hash = |at: &usize| {
            let value = nodes.get(*at).map(|(constant, _)| constant.as_value());
            value.and_then(|value| hash_value(&hasher, value)).unwrap_or_default()
        };
        let mut table = HashTable::new();
        if nodes.len() > SCANNED_MAX {
            for at in 0..nodes.len() {
                table.insert_unique(hash(&at), at, hash);
            }
        }
        FieldBranch { field, nodes, table, hasher }
    }

    fn find(&self, value: Value<'_>) -> Option<&FilterNode> {
        let is_it = |(constant, _): &&(ConstantValue, FilterNode)| is_equal(value, constant);
        if self.table.is_empty() {
            return self.nodes.iter().find(is_it).map(|(_, node)| node);
        }
        let hash = hash_value(&self.hasher, value)?;
        let is_there = |at: &usize| self.nodes.get(*at).as_ref().is_some_and(is_it);
        let at = self.table.find(hash, is_there)?;
        self.nodes.get(*at).map(|(_, node)| node)
    }
}

/// The field and the constant of a condition that can be looked up.
fn lookup(test: &CompiledPredicate) -> Option<(usize, &ConstantValue)> {
    match test {
        // Of two constants no value may equal both: a mapped IPv4 address is the IPv4 address.
        CompiledPredicate::Field(_, _, ConstantValue::Ip(ip)) if ip.to_canonical() != *ip => None,
        CompiledPredicate::Field(field, ComparisonOp::Equal, constant) => Some((*field, constant)),
        _ => None,
    }
}

/// Equal values have equal hashes; one that equals no constant has none.
fn hash_value(hasher: &DefaultHashBuilder, value: Value<'_>) -> Option<u64> {
    Some(match value {
        Value::Missing | Value::List { .. } => return None,
        Value::Text(text) => hasher.hash_one(text),
        Value::Number(number) => hasher.hash_one(number),
        Value::Bool(truth) => hasher.hash_one(truth),
        Value::Time(time) => hasher.hash_one(time),
        Value::Ip(address) => hasher.hash_one(address.to_canonical()),
    })
}

#[cfg(test)]
mod tests;
