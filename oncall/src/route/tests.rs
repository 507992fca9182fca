use model::severity::Severity::{Critical, High, Low, Medium};

use super::*;

fn receiver(name: &str, severities: &[Severity]) -> Receiver {
    Receiver {
        name: name.to_owned(),
        severities: severities.iter().copied().collect(),
        on: NotifyOn::ALL,
        spacing_ms: 0,
        is_router: false,
        fallback: None,
    }
}

#[test]
fn severities_choose_among_those_a_route_names() {
    let routing = RoutingTable::to_all(vec![
        receiver("当番", &[Critical, High]),
        receiver("log", &Severity::ALL),
        receiver("siren", &[Critical]),
    ]);
    let cases: [(Severity, &[usize]); 4] =
        [(Critical, &[0, 1, 2]), (High, &[0, 1]), (Medium, &[1]), (Low, &[1])];
    for (severity, want) in cases {
        let subject = MatchSubject { alert: "a", severity, key: &[], labels: &[] };
        let got: Vec<usize> = routing.wanted(&subject, Timestamp(0)).into_keys().collect();
        assert_eq!(got, want, "{severity}");
    }
}

#[test]
fn ids_are_kept_apart_by_incident_kind_instant_and_receiver() {
    use NotificationKind::{Acknowledged, Again, Changed, Escalated, Firing, Reminder, Resolved};
    let incident = EpisodeId(0xab);
    let id = |kind, at: i64, to| id_of(incident, kind, High, Timestamp(at), to);
    assert_eq!(id(Firing, 5, "log"), "000000000000000000000000000000ab-firing-125073191daf5431");
    assert_eq!(id(Firing, 5, "当番"), id(Firing, 6, "当番"), "an incident opens once");
    assert_eq!(id(Changed, 5, "当番"), id(Changed, 6, "当番"), "and rises to a severity once");
    let kinds = [Firing, Changed, Again, Resolved, Acknowledged, Escalated, Reminder];
    let mut all: Vec<String> = kinds
        .into_iter()
        .flat_map(|kind| ["当番", "log"].map(|to| id(kind, 5, to)))
        .chain([Again, Acknowledged, Escalated, Reminder].map(|kind| id(kind, 6, "log")))
        .collect();
    let fits_a_header = |id: &String| id.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(all.iter().all(fits_a_header));
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 18);
}
