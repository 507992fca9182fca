//! Counts that some rooms do not meet yet: each may only fall, and its table stays true.

use std::collections::BTreeMap;

use super::TidyFinding;
use super::source::SourceTree;

/// One count against the ceiling of a room.
pub struct RoomCount {
    pub room: String,
    pub amount: usize,
    pub finding: TidyFinding,
}

/// Nothing for rooms that stand at their ceiling, everything counted for those above it, and
/// the ceiling itself for those below it. A tree of samples has no ceilings.
pub fn against(
    tree: &SourceTree,
    table: &str,
    ceilings: &[(&str, usize)],
    counted: Vec<RoomCount>,
) -> Vec<TidyFinding> {
    if !tree.is_whole {
        return counted.into_iter().map(|counted| counted.finding).collect();
    }
    let mut of_rooms: BTreeMap<String, Vec<RoomCount>> =
        ceilings.iter().map(|(room, _)| ((*room).to_owned(), Vec::new())).collect();
    for one in counted {
        of_rooms.entry(one.room.clone()).or_default().push(one);
    }
    let mut findings = Vec::new();
    for (room, counted) in of_rooms {
        let ceiling = ceilings.iter().find(|(name, _)| *name == room).map_or(0, |(_, most)| *most);
        let amount: usize = counted.iter().map(|one| one.amount).sum();
        if amount == ceiling {
            continue;
        }
        findings.push(TidyFinding {
            place: room,
            what: format!("{amount} counted, {table} says {ceiling}"),
            way_out: "mend what is new, or lower the ceiling to what is left",
        });
        if amount > ceiling {
            findings.extend(counted.into_iter().map(|one| one.finding));
        }
    }
    findings
}

#[test]
fn a_ceiling_holds_from_both_sides() {
    let mut tree = SourceTree::of(&[]);
    tree.is_whole = true;
    let counted = |room: &str, amount| RoomCount {
        room: room.to_owned(),
        amount,
        finding: TidyFinding { place: "one".to_owned(), what: String::new(), way_out: "" },
    };
    let cases: [(usize, &[&str]); 3] = [(2, &["engine", "one"]), (1, &[]), (0, &["engine"])];
    for (amount, expected) in cases {
        let all = if amount == 0 { Vec::new() } else { vec![counted("engine", amount)] };
        let found = against(&tree, "TABLE", &[("engine", 1)], all);
        let places: Vec<&str> = found.iter().map(|finding| finding.place.as_str()).collect();
        assert_eq!(places, expected, "{amount}");
    }
}
