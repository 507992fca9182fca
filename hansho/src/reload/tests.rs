use std::fs;

use super::*;

const RULES: &str = "stream auth from \"auth\" { ts: time, user.name: str }\n\
    alert a count(auth) >= 2 within 1m by user.name high\n";

#[test]
fn rules_that_cannot_run_are_refused_and_the_newest_of_the_others_are_handed_over() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a.rules");
    let write = |text: &str| fs::write(&path, text).unwrap();
    let slot = Arc::new(Slot::default());
    let (paths, state) = (vec![home.path().to_owned()], Arc::new(State::new()));
    let inputs = Inputs::default();
    let reports = Arc::new(Reports::default());
    let reloader = Reloader::new(paths, Language::En, inputs, (&slot, &reports), state);
    let reported = || {
        let all = reports.take();
        all.into_iter().map(|it| (it.alert, it.is_so, it.detail)).collect::<Vec<_>>()
    };

    write(RULES);
    let Reloaded::Accepted { rules: first } = reloader.reload("test") else {
        panic!("nothing is in force yet");
    };
    // A comment says nothing new.
    write(&format!("# edited\n{RULES}"));
    assert_eq!(reloader.reload("test"), Reloaded::Unchanged { rules: first });
    assert_eq!(reported(), [(MetaAlert::ReloadFailed, false, None)]);

    let two_readers = RULES.replace("alert", "stream more from \"auth\" { ts: time }\nalert");
    let no_time = RULES.replace("ts: time", "ts: time \"%Q\"");
    for (text, why) in [
        (RULES.replace(">= 2", ">= twice"), "a.rules"),
        (String::new(), "no alert"),
        (two_readers, "auth"),
        (no_time, ""),
    ] {
        write(&text);
        let Reloaded::Refused(said) = reloader.reload("test") else {
            panic!("accepted: {text}");
        };
        assert!(said.contains(why), "{said}");
        let detail = said.lines().next().map(str::to_owned);
        assert_eq!(reported(), [(MetaAlert::ReloadFailed, true, detail)]);
    }
    let waiting = slot.take().unwrap();
    assert_eq!((waiting.rules.program.hash(), slot.is_waiting()), (first, false));

    write(&RULES.replace(">= 2", ">= 3"));
    let Reloaded::Accepted { rules: second } = reloader.reload("test") else {
        panic!("they say something new");
    };
    assert_ne!(first, second);
    assert!(slot.is_waiting());
    // What was in force before is news again.
    slot.take();
    slot.note_in_force(second);
    write(RULES);
    assert_eq!(reloader.reload("test"), Reloaded::Accepted { rules: first });
}
