use std::fs;

use jiff::tz::TimeZone;
use model::message::Language;
use runtime::notify::channel::{NotifyInbox, channel};
use server::auth::ApiScope;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::notifiers::NotifierSet;
use crate::wiring::notifiers::Notifier;

const RULES: &str = "stream auth from \"auth\" { ts: time, user.name: str }\n\
    alert a count(auth) >= 2 within 1m by user.name high\n";
const CONFIG: &str = "rules = [\"a.rules\"]\n\
    [kafka]\nproperties = { \"bootstrap.servers\" = \"localhost:9092\" }\n\
    [[api.tokens]]\nname = \"当番\"\ntoken = \"file:token\"\nscope = \"act\"\n\
    [[sinks]]\nname = \"pager\"\ntype = \"file\"\npath = \"told.jsonl\"\n";

/// A folder with rules and a configuration, and what reloads them.
struct ReloadBench {
    home: TempDir,
    mailbox: Arc<ReloadMailbox>,
    reports: Arc<SelfMonitorQueue>,
    inbox: NotifyInbox,
    reloader: ConfigReloader,
    _runtime: Runtime,
}

impl ReloadBench {
    /// Started with [`RULES`], none of which are in force yet, and a configuration.
    fn start(config: &str) -> ReloadBench {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("a.rules"), RULES).unwrap();
        fs::write(home.path().join("hansho.toml"), config).unwrap();
        fs::write(home.path().join("token"), "s3cret\n").unwrap();
        let path = home.path().join("hansho.toml");
        let config = NodeConfig::load(&path).unwrap();
        let formatter = MessageFormatter { language: Language::En, zone: TimeZone::UTC };
        let rules = load_rules(&config.rules, Language::En).unwrap();
        let inputs = config.stream_inputs(&rules.set).unwrap();
        let context =
            SinkContext { folder: &config.folder, properties: &[], formatter: &formatter };
        let calendars = &rules.set.calendars;
        let on_call =
            OnCallConfig::new(&config, calendars, &context, &NotifierSet::default()).unwrap();
        let runtime = Builder::new_current_thread().build().unwrap();
        let (notify, inbox) = channel();
        let targets = ReloadTargets {
            mailbox: Arc::default(),
            reports: Arc::default(),
            telemetry: Arc::new(NodeTelemetry::new()),
            tokens: Arc::default(),
            notify,
            runtime: runtime.handle().clone(),
        };
        targets.tokens.admit(on_call.tokens.clone());
        let (mailbox, reports) = (Arc::clone(&targets.mailbox), Arc::clone(&targets.reports));
        let started = StartupConfig { path, config, inputs, properties: Vec::new(), formatter };
        let reloader = ConfigReloader::new(started, on_call, &rules, targets);
        ReloadBench { home, mailbox, reports, inbox, reloader, _runtime: runtime }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.home.path().join(name), text).unwrap();
    }

    fn taken(&self) -> ReloadReport {
        match self.reloader.reload("test") {
            ReloadResult::Accepted(taken) => taken,
            ReloadResult::Refused(why) => panic!("{why}"),
        }
    }

    /// The newest settings of on-call that were handed over since the last call.
    fn new_on_call(&self) -> Option<Box<OnCallConfigUpdate>> {
        let config = |input| match input {
            NotifyInput::Config(update) => update,
            other => panic!("{other:?}"),
        };
        std::iter::from_fn(|| self.inbox.try_next()).map(config).last()
    }

    /// How the first receiver is reached by the settings that were reloaded last.
    fn first_notifier(&self) -> Notifier {
        let active = self.reloader.active.lock().unwrap();
        active.on_call.sinks.notifiers().swap_remove(0)
    }

    fn reported(&self) -> Vec<(MetaAlert, bool, Option<String>)> {
        let all = self.reports.take();
        all.into_iter().map(|it| (it.alert, it.is_so, it.detail)).collect()
    }

    /// It is refused for that reason, which is an alert, and nothing is handed over.
    fn is_refused(&self, why: &str) {
        let ReloadResult::Refused(said) = self.reloader.reload("test") else {
            panic!("accepted, though {why}");
        };
        assert!(said.contains(why), "{said}");
        let detail = said.lines().next().map(str::to_owned);
        assert_eq!(self.reported().pop(), Some((MetaAlert::ReloadFailed, true, detail)));
        assert!(self.new_on_call().is_none());
    }
}

#[test]
fn rules_that_cannot_run_are_refused_and_the_newest_of_the_others_are_handed_over() {
    let desk = ReloadBench::start(CONFIG);
    let first = desk.taken();
    assert_eq!((first.are_rules_new, first.is_on_call_new), (true, false));
    // A comment says nothing new.
    desk.write("a.rules", &format!("# edited\n{RULES}"));
    let again = desk.taken();
    assert_eq!((again.rules, again.is_new()), (first.rules, false));
    assert_eq!(desk.reported(), [(MetaAlert::ReloadFailed, false, None)]);

    let two_readers = RULES.replace("alert", "stream more from \"auth\" { ts: time }\nalert");
    let no_time = RULES.replace("ts: time", "ts: time \"%Q\"");
    for (text, why) in [
        (RULES.replace(">= 2", ">= twice"), "a.rules"),
        (String::new(), "no alert"),
        (two_readers, "auth"),
        (no_time, ""),
    ] {
        desk.write("a.rules", &text);
        desk.is_refused(why);
    }
    let waiting = desk.mailbox.take().unwrap();
    assert_eq!((waiting.rules.program.hash(), desk.mailbox.is_waiting()), (first.rules, false));

    desk.write("a.rules", &RULES.replace(">= 2", ">= 3"));
    let second = desk.taken();
    assert!(second.are_rules_new && second.rules != first.rules);
    assert!(desk.mailbox.is_waiting());
    // What was in force before is news again.
    desk.mailbox.take();
    desk.mailbox.record_active(second.rules);
    desk.write("a.rules", RULES);
    let third = desk.taken();
    assert_eq!((third.rules, third.are_rules_new), (first.rules, true));
}

#[test]
fn settings_are_restored_with_the_rules_and_what_is_as_it_was_is_kept() {
    let desk = ReloadBench::start(CONFIG);
    desk.mailbox.record_active(desk.taken().rules);
    assert!(desk.new_on_call().is_none(), "it says what was said at the start");
    let more = "[[sinks]]\nname = \"log\"\ntype = \"file\"\npath = \"more.jsonl\"\n";
    desk.write("hansho.toml", &format!("{CONFIG}{more}[routing]\ndefault = [\"log\"]\n"));
    desk.write("a.rules", &RULES.replace(">= 2", ">= 3"));
    let taken = desk.taken();
    assert!(taken.are_rules_new && taken.is_on_call_new, "{taken}");
    let first = desk.new_on_call().unwrap();
    let names = |change: &OnCallConfigUpdate| -> Vec<String> {
        change.settings.routing.receivers().iter().map(|it| it.name.clone()).collect()
    };
    assert_eq!(names(&first), ["pager", "log"]);
    let before = desk.first_notifier();
    desk.write("hansho.toml", &CONFIG.replace("\"pager\"", "\"phone\""));
    let taken = desk.taken();
    assert!(!taken.are_rules_new && taken.is_on_call_new, "{taken}");
    let second = desk.new_on_call().unwrap();
    assert_eq!(names(&second), ["phone"]);
    assert!(desk.first_notifier().is(&before), "the file is not opened twice");
    // A secret that changed where it is kept is news, too.
    desk.write("token", "0ther\n");
    let taken = desk.taken();
    assert!(taken.is_on_call_new);
    assert!(taken.to_string().ends_with("on-call settings reloaded"), "{taken}");
    assert!(!desk.taken().is_new());
    let tokens = &desk.reloader.targets.tokens;
    assert_eq!(tokens.scope_of("0ther"), Some(ApiScope::Act));
    assert_eq!(tokens.scope_of("s3cret"), None);
}

#[test]
fn a_configuration_that_cannot_run_is_refused_with_its_place_and_nothing_changes() {
    let desk = ReloadBench::start(CONFIG);
    desk.mailbox.record_active(desk.taken().rules);
    // Rules that could run alone are refused with it.
    desk.write("a.rules", &RULES.replace(">= 2", ">= 3"));
    let with = |more: &str| format!("{CONFIG}{more}");
    let severities = "[severities.high]\nclock = \"業務時間\"\n";
    let route = "[[routes]]\nmatch = []\nnotify = [\"nobody\"]\n[routing]\ndefault = [\"pager\"]\n";
    let hook = "[[sinks]]\nname = \"hook\"\ntype = \"slack\"\nurl = \"file:lost\"\n";
    let stranger = "[streams.web]\ntopic = \"web\"\n";
    for (text, why) in [
        (String::new(), "hansho.toml"),
        (with("nonsense"), "hansho.toml:"),
        (with(route), "hansho.toml:14: routes.notify: is not the name of a sink"),
        (with(severities), "hansho.toml: there is no calendar `業務時間`"),
        (with(hook), "sink hook: secret file"),
        (with(stranger), "[streams.web]: the rules have no stream"),
        (CONFIG.replace("file:token", "file:lost"), "[[api.tokens]] 当番: secret file"),
        (CONFIG.replace("a.rules", "b.rules"), "b.rules"),
    ] {
        desk.write("hansho.toml", &text);
        desk.is_refused(why);
        desk.mailbox.take();
    }
    fs::remove_file(desk.home.path().join("hansho.toml")).unwrap();
    desk.is_refused("hansho.toml: cannot be read");
    assert_eq!(desk.reloader.targets.tokens.scope_of("s3cret"), Some(ApiScope::Act));
    desk.write("hansho.toml", CONFIG);
    assert!(desk.taken().are_rules_new, "once it is right, all of it is taken up");
}

#[test]
fn a_key_of_an_earlier_version_is_refused_with_its_new_name() {
    let desk = ReloadBench::start(CONFIG);
    desk.taken();
    desk.write("hansho.toml", &CONFIG.replace("[kafka]", "limits.flap_max = 1\n[kafka]"));
    desk.is_refused("limits.flap_max: was renamed; write `limits.flap_threshold`");
    desk.write("hansho.toml", &CONFIG.replace("[kafka]", "limits.flap_threshold = 1\n[kafka]"));
    assert!(desk.taken().is_on_call_new);
}

#[test]
fn what_needs_a_restart_is_named_and_the_rest_is_restored() {
    let desk = ReloadBench::start(CONFIG);
    desk.mailbox.record_active(desk.taken().rules);
    let edited = CONFIG.replace("[kafka]", "workers = 3\n[limits]\nidle_timeout = \"1s\"\n[kafka]");
    let edited =
        edited + "[streams.auth]\ntopic = \"logins\"\n[severities.low]\nrepeat_interval = \"9d\"\n";
    desk.write("hansho.toml", &edited);
    let taken = desk.taken();
    assert_eq!(taken.needs_restart, ["workers", "limits.idle_timeout", "streams.auth"]);
    assert!(taken.is_on_call_new && !taken.are_rules_new);
    assert!(
        taken.to_string().ends_with("needs a restart: workers, limits.idle_timeout, streams.auth")
    );
    // A stream that comes now would be read from a topic that is not its own.
    let both =
        edited.replace("topic = \"logins\"", "topic = \"logins\"\n[streams.b]\ntopic = \"c\"");
    desk.write("hansho.toml", &both);
    desk.new_on_call();
    desk.write(
        "a.rules",
        &format!("{RULES}stream b from \"b\" {{ ts: time }}\nalert c any b low\n"),
    );
    desk.is_refused("[streams.b] is taken up by a restart only");
    desk.write("hansho.toml", &edited);
    assert!(desk.taken().are_rules_new, "it is read from the topic of its own name");
}

#[test]
fn what_is_served_until_a_restart_is_not_opened_to_everybody_by_a_reload() {
    let public = CONFIG.replace("[kafka]", "[api]\nlisten = \"0.0.0.0:9464\"\n[kafka]");
    let desk = ReloadBench::start(&public);
    let (before, rest) = CONFIG.split_once("[[api.tokens]]").unwrap();
    let (_, sinks) = rest.split_once("[[sinks]]").unwrap();
    desk.write("hansho.toml", &format!("{before}[[sinks]]{sinks}"));
    desk.is_refused("anyone could silence alerts");
    let read = CONFIG.replace("[[api", "[streams.auth]\ntopic = \"in\"\n[[api");
    let desk = ReloadBench::start(&read);
    let loops = "[[sinks]]\nname = \"k\"\ntype = \"kafka\"\ntopic = \"in\"\n";
    desk.write("hansho.toml", &format!("{CONFIG}{loops}"));
    desk.is_refused("writes the topic in, which is read until a restart");
}
