use proptest::prelude::*;

use super::*;

fn pattern(parts: &str) -> Pattern {
    // `{_}` skips, `{3}` is the hole of field 3.
    let mut rest = parts;
    let mut pattern = Pattern { parts: Vec::new(), sets: Vec::new() };
    while let Some((literal, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap();
        pattern.parts.push(PatternPart::Literal(literal.to_owned()));
        pattern.parts.push(match name {
            "_" => PatternPart::Skip,
            field => PatternPart::Hole(field.parse().unwrap()),
        });
        rest = after;
    }
    pattern.parts.push(PatternPart::Literal(rest.to_owned()));
    pattern.parts.retain(|part| *part != PatternPart::Literal(String::new()));
    pattern
}

fn holes(parts: &str, text: &str) -> Option<Vec<(usize, String)>> {
    let mut places = MatchedSpans::default();
    let matcher = PatternMatcher::new(&pattern(parts)).unwrap();
    matcher.matches(text, &mut places).then(|| {
        let holes = places.holes.iter();
        holes.map(|(field, from, to)| (*field, text[*from..*to].to_owned())).collect()
    })
}

/// The specification read aloud: try every length, shortest first for `{_}`, longest first
/// for a hole.
fn naive(parts: &[PatternPart], text: &str, holes: &mut Vec<(usize, String)>) -> bool {
    let Some((part, after)) = parts.split_first() else {
        return text.is_empty();
    };
    let cuts: Vec<usize> = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).collect();
    match part {
        PatternPart::Literal(literal) => {
            text.strip_prefix(literal.as_str()).is_some_and(|rest| naive(after, rest, holes))
        }
        PatternPart::Skip => cuts.into_iter().any(|cut| naive(after, &text[cut..], holes)),
        PatternPart::Hole(field) => cuts.into_iter().rev().any(|cut| {
            holes.push((*field, text[..cut].to_owned()));
            let found = naive(after, &text[cut..], holes);
            if !found {
                holes.pop();
            }
            found
        }),
    }
}

#[test]
fn holes_take_what_the_language_says() {
    let sshd = "Failed password for {0} from {1} port {_}";
    for (parts, text, expected) in [
        ("plain", "plain", Some(vec![])),
        ("plain", "plain ", None),
        ("", "", Some(vec![])),
        ("{0}", "all", Some(vec![(0, "all")])),
        ("{0}", "", Some(vec![(0, "")])),
        ("{_}", "all", Some(vec![])),
        ("a{0}a", "a", None),
        ("a{0}a", "aa", Some(vec![(0, "")])),
        ("a{0}a", "aaaa", Some(vec![(0, "aa")])),
        ("{0}-{1}", "1-2-3", Some(vec![(0, "1-2"), (1, "3")])),
        ("{_}-{1}", "1-2-3", Some(vec![(1, "2-3")])),
        ("{_}-{1}-{_}", "1-2-3-4", Some(vec![(1, "2-3")])),
        ("{_} b {0} c", "a b b c c", Some(vec![(0, "b c")])),
        ("鐘{0}鐘", "鐘半鐘", Some(vec![(0, "半")])),
        (
            sshd,
            "Failed password for root from 5.36.59.76 port 42393 ssh2",
            Some(vec![(0, "root"), (1, "5.36.59.76")]),
        ),
        (
            sshd,
            "Failed password for x from 1.2.3.4 port 1 from 9.9.9.9 port 22 ssh2",
            Some(vec![(0, "x from 1.2.3.4 port 1"), (1, "9.9.9.9")]),
        ),
        (sshd, "Failed password for root from 5.36.59.76", None),
    ] {
        let expected = expected.map(|holes| {
            holes.into_iter().map(|(field, text)| (field, text.to_owned())).collect::<Vec<_>>()
        });
        assert_eq!(holes(parts, text), expected, "{parts} on {text}");
    }
}

#[test]
fn holes_that_touch_are_refused() {
    assert!(PatternMatcher::new(&pattern("a {0}{_} b")).is_none());
    assert!(PatternMatcher::new(&pattern("{0} {_}")).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_linear_matcher_agrees_with_trial_and_error(
        start in "[ab]{0,2}",
        links in proptest::collection::vec((any::<bool>(), "[ab鐘]{1,2}"), 0..4),
        open: bool,
        text in "[ab鐘]{0,12}",
    ) {
        let mut parts = vec![PatternPart::Literal(start)];
        for (index, (named, literal)) in links.into_iter().enumerate() {
            parts.push(if named { PatternPart::Hole(index) } else { PatternPart::Skip });
            parts.push(PatternPart::Literal(literal));
        }
        if open && parts.len() > 1 {
            parts.pop();
        }
        let mut expected = Vec::new();
        let matched = naive(&parts, &text, &mut expected);
        let matcher = PatternMatcher::new(&Pattern { parts, sets: Vec::new() }).unwrap();
        let mut places = MatchedSpans::default();
        prop_assert_eq!(matcher.matches(&text, &mut places), matched);
        if matched {
            let found: Vec<(usize, String)> = places
                .holes
                .iter()
                .map(|(field, from, to)| (*field, text[*from..*to].to_owned()))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
