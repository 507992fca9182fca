//! Circles between files of different folders: files that need each other, so that none can
//! be read, moved or tested without the rest.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::TidyFinding;
use super::ceilings::{RoomCount, against};
use super::modules::ModuleGraph;
use super::source::SourceTree;

/// Files in circles. No room may have any; a number here would only fall.
const FILES_IN_CIRCLES: &[(&str, usize)] = &[];

const WAY_OUT: &str = "move what both need into a file below, or pass it in; a façade only \
                       declares and re-exports, and no part of it imports it back";

/// No file needs one of another folder that needs it back.
pub fn circles(tree: &SourceTree) -> Vec<TidyFinding> {
    let graph = ModuleGraph::new(tree);
    let edges = graph.edges();
    let found = groups(&graph, &edges).into_iter().map(|group| {
        let shortest = shortest_circle(&graph, &edges, &group);
        let names: Vec<&str> = shortest.iter().map(|at| path(&graph, *at)).collect();
        let first = names.first().copied().unwrap_or("");
        let finding = TidyFinding {
            place: first.to_owned(),
            what: format!(
                "one of {} files in circles across folders; the shortest: {} -> {first}",
                group.len(),
                names.join(" -> ")
            ),
            way_out: WAY_OUT,
        };
        RoomCount {
            room: first.split('/').next().unwrap_or("").to_owned(),
            amount: group.len(),
            finding,
        }
    });
    against(tree, "FILES_IN_CIRCLES", FILES_IN_CIRCLES, found.collect())
}

/// The circles of all rooms on one line each.
pub fn figures(tree: &SourceTree) -> String {
    let graph = ModuleGraph::new(tree);
    let edges = graph.edges();
    let mut of_rooms: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for module in &graph.modules {
        of_rooms.entry(module.file.room()).or_default().0 += 1;
    }
    for group in groups(&graph, &edges) {
        let room = group.first().map_or("", |at| graph.modules[*at].file.room());
        of_rooms.entry(room).or_default().1 += group.len();
    }
    let rooms = of_rooms.iter().map(|(room, (files, circled))| {
        format!("{room}: {files} files, {circled} in circles across folders\n")
    });
    let arrows = graph.arrows();
    let named =
        arrows.iter().map(|((from, to), files)| format!("{from} -> {to} in {files} files\n"));
    rooms.chain(named).collect()
}

fn path<'a>(graph: &ModuleGraph<'a>, at: usize) -> &'a str {
    &graph.modules[at].file.path
}

/// Files that reach each other, where they lie in more than one folder.
fn groups(graph: &ModuleGraph<'_>, edges: &[BTreeSet<usize>]) -> Vec<Vec<usize>> {
    let reached: Vec<BTreeSet<usize>> = (0..edges.len()).map(|from| reach(edges, from)).collect();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for from in 0..edges.len() {
        if !reached[from].contains(&from) || seen.contains(&from) {
            continue;
        }
        let together = reached[from].iter().copied().filter(|to| reached[*to].contains(&from));
        let group: Vec<usize> = together.collect();
        seen.extend(group.iter().copied());
        let folders: BTreeSet<&str> = group.iter().map(|at| graph.modules[*at].folder()).collect();
        if folders.len() > 1 {
            found.push(group);
        }
    }
    found
}

/// Everything that can be reached over at least one edge.
fn reach(edges: &[BTreeSet<usize>], from: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        open.extend(edges[at].iter().copied().filter(|to| reached.insert(*to)));
    }
    reached
}

/// The shortest circle of a group that leaves a folder.
fn shortest_circle(
    graph: &ModuleGraph<'_>,
    edges: &[BTreeSet<usize>],
    group: &[usize],
) -> Vec<usize> {
    let folder = |at: usize| graph.modules[at].folder();
    let inside = |to: &usize| group.contains(to);
    let mut best: Vec<usize> = Vec::new();
    for from in group {
        for to in edges[*from].iter().copied().filter(inside) {
            if folder(*from) == folder(to) {
                continue;
            }
            let way = shortest_way(edges, to, *from);
            if best.is_empty() || way.len() < best.len() {
                best = way;
            }
        }
    }
    // The same circle is named alike, wherever the search came upon it.
    let first = (0..best.len()).min_by_key(|at| path(graph, best[*at])).unwrap_or(0);
    best.rotate_left(first);
    best
}

/// The modules from one to another, both included; none when there is no way.
fn shortest_way(edges: &[BTreeSet<usize>], from: usize, to: usize) -> Vec<usize> {
    let mut came: BTreeMap<usize, usize> = BTreeMap::new();
    let mut open = VecDeque::from([from]);
    while let Some(at) = open.pop_front() {
        if at == to {
            break;
        }
        for next in edges[at].iter().copied() {
            if next != from && !came.contains_key(&next) {
                came.insert(next, at);
                open.push_back(next);
            }
        }
    }
    let mut way = vec![to];
    while let Some(before) = way.last().filter(|last| **last != from).and_then(|at| came.get(at)) {
        way.push(*before);
    }
    way.reverse();
    way
}

/// Name of a case, its files, and how many of them are in circles.
type CircleCase<'a> = (&'a str, &'a [(&'a str, &'a str)], usize);

#[test]
fn circles_are_emitted_from_facades() {
    let facade = ("model/src/a.rs", "mod b;\nmod c;\npub use b::B;\n");
    let cases: [CircleCase<'_>; 7] = [
        ("a façade", &[facade, ("model/src/a/b.rs", "pub struct B;")], 0),
        ("a façade imported back", &[facade, ("model/src/a/c.rs", "use super::B;")], 0),
        (
            "a façade that uses its part, imported back",
            &[
                ("model/src/a.rs", "mod b;\npub use b::B;\npub struct A(B);"),
                ("model/src/a/b.rs", "use super::A;\npub struct B;"),
            ],
            2,
        ),
        (
            "siblings",
            &[
                ("model/src/a/b.rs", "use super::c::C;"),
                ("model/src/a/c.rs", "use crate::a::b::B;"),
                facade,
            ],
            0,
        ),
        (
            "a path without a use, through a re-export",
            &[
                facade,
                ("model/src/lib.rs", "mod a;\nmod d;"),
                ("model/src/d.rs", "fn d() { crate::a::B::new() }"),
                ("model/src/a/b.rs", "pub struct B;\nfn b() { crate::d::d() }"),
            ],
            2,
        ),
        (
            "a module by its name",
            &[
                ("model/src/a.rs", "mod b;\npub fn a() { b::b() }"),
                ("model/src/a/b.rs", "pub fn b() { super::a() }"),
            ],
            2,
        ),
        (
            "tests and visibility",
            &[
                ("model/src/a.rs", "mod b;\nfn a() { b::b() }"),
                (
                    "model/src/a/b.rs",
                    "pub(in crate::a) fn b() {}\n#[cfg(test)]\nuse super::a;\n\
                     #[cfg(test)]\nmod tests { use super::super::a; }",
                ),
            ],
            0,
        ),
    ];
    for (name, files, expected) in cases {
        let tree = SourceTree::of(files);
        let graph = ModuleGraph::new(&tree);
        let found = groups(&graph, &graph.edges());
        assert_eq!(found.concat().len(), expected, "{name}: {found:?}");
    }
}
