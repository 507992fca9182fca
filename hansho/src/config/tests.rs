use std::collections::BTreeSet;
use std::path::Path;

use connectors::sink::SinkContext;
use connectors::sink::text::MessageFormatter;
use model::time::{HOUR_MS, MINUTE_MS};
use oncall::severity_set::SeveritySet;

use model::severity::Severity;
use oncall::route::NotifyOn;
use oncall::severity_policy::SeverityPolicies;

use super::*;
use runtime::self_monitor::monitor::MetaLimits;

/// The least that is a configuration, with room for one more line of each part.
const LEAST: &str = "
rules = [\"rules/\"]
kafka.properties = { \"bootstrap.servers\" = \"localhost:9092\" }
[[sinks]]
name = \"console\"
type = \"stdout\"
";

fn parse(text: &str) -> Result<NodeConfig, ConfigError> {
    NodeConfig::parse(text, Path::new("etc/hansho.toml"))
}

/// The least configuration with `old` replaced.
fn changed(old: &str, new: &str) -> String {
    assert!(LEAST.contains(old), "{old}");
    LEAST.replace(old, new)
}

/// The least configuration with a sink's lines replaced.
fn with_sink(lines: &str) -> String {
    changed("type = \"stdout\"", lines)
}

#[test]
fn what_is_left_out_has_a_default() {
    let config = parse(LEAST).unwrap();
    assert_eq!(config.rules, [Path::new("etc/rules/")]);
    assert_eq!(config.state_dir, Path::new("etc/state"));
    assert_eq!(config.language, None);
    assert_eq!(config.timezone, TimeZone::UTC);
    assert!((1..=WORKERS_MAX).contains(&config.workers));
    assert_eq!(config.listen.to_string(), "127.0.0.1:9464");
    let kafka = config.kafka.as_ref().unwrap();
    assert_eq!(
        (kafka.group.as_str(), kafka.auto_offset_reset),
        ("hansho", AutoOffsetReset::Earliest)
    );
    assert_eq!(config.limits, NodeLimits::default());
    assert_eq!(config.outbox_limits(), OutboxLimits::default());
    assert_eq!(config.dead_letters, DeadLetterTarget::File("etc/state/dead-letters.jsonl".into()));
    assert_eq!(config.inputs.get("auth"), None);
    assert_eq!(config.ingest, IngestSettings { token: None, spool_bytes: 1 << 30 });
    assert_eq!(
        config.on_call(&CalendarsByName::new()).unwrap().levels,
        SeverityPolicies::default()
    );
    let [sink] = config.sinks.as_slice() else { panic!("{:?}", config.sinks) };
    assert_eq!((sink.name.as_str(), sink.target.kind().name), ("console", "stdout"));
    assert_eq!((sink.severities, sink.on), (SeveritySet::ALL, NotifyOn::ALL));
}

#[test]
fn the_example_is_a_configuration() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hansho.example.toml");
    let config = NodeConfig::load(&path).unwrap();
    let names: Vec<&str> = config.sinks.iter().map(|sink| sink.name.as_str()).collect();
    assert_eq!(names, ["console", "当番", "archive", "downstream"]);
    assert_eq!(config.timezone.iana_name(), Some("Asia/Tokyo"));
    let hook = format!("{:?}", config.sinks[1].target);
    assert!(hook.starts_with("WebhookConfig {") && hook.contains("allow_private: false"), "{hook}");
    let headers = "headers: [(\"authorization\", Secret(env:ONCALL_AUTHORIZATION))]";
    assert!(hook.contains(headers), "{hook}");
    assert!(config.sinks[1].severities.contains(Severity::High));
    assert!(!config.sinks[3].severities.contains(Severity::Low));
    let settings = config.on_call(&CalendarsByName::new()).unwrap();
    assert_eq!(settings.routing.receivers().len(), 4);
}

/// What the example shows as defaults is what is used when it is left out.
#[test]
fn the_defaults_the_example_shows_are_the_defaults() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hansho.example.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let shown = [
        "state_dir",
        "timezone",
        "mode",
        "listen",
        "group",
        "auto_offset_reset",
        "idle_timeout",
        "skew_max",
        "reorder_buffer_bytes",
        "pending_max",
        "snapshot_interval",
        "spool_bytes",
        "file",
        "respond_within",
        "clock",
        "repeat_interval",
        "group_wait",
    ];
    let default = |line: &str| {
        let (key, _) = line.strip_prefix("# ")?.split_once(" = ")?;
        shown.contains(&key).then(|| key.to_owned())
    };
    let uncommented: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("timezone"))
        .map(|line| if default(line).is_some() { &line[2..] } else { line })
        .collect();
    let found: BTreeSet<String> = text.lines().filter_map(default).collect();
    assert_eq!(found, shown.map(str::to_owned).into(), "the example lost a default");
    let written = parse(&uncommented.join("\n")).unwrap();
    let left_out: Vec<&str> = text.lines().filter(|line| !line.starts_with("timezone")).collect();
    let left_out = parse(&left_out.join("\n")).unwrap();
    assert_eq!(format!("{written:?}"), format!("{left_out:?}"));
}

#[test]
fn every_key_is_taken_over() {
    let text = "
rules = [\"a.rules\", \"/abs\"]
state_dir = \"/var/lib/hansho\"
language = \"ja\"
timezone = \"Asia/Tokyo\"
workers = 3
mode = \"one\"
[api]
listen = \"[::1]:1\"
[kafka]
group = \"g\"
auto_offset_reset = \"latest\"
[kafka.properties]
\"bootstrap.servers\" = \"b:1\"
\"sasl.password\" = \"file:kafka.pw\"
\"socket.timeout.ms\" = 60000
\"fetch.min.bytes\" = 1
[streams.auth]
topic = \"auth.events\"
[streams.plain]
[limits]
idle_timeout = \"500ms\"
skew_max = \"2h\"
reorder_buffer_bytes = \"64KiB\"
keys_per_rule = 8
pending_max = 7
notify_rate_limit_per_min = 8
flap_threshold = 0
pause_alert_after = \"9m\"
snapshot_interval = \"none\"
self_alert_resolve_after = \"10s\"
never_matched_after = 11
rule_share_max = 12
[dead_letters]
topic = \"dead\"
[severities.critical]
respond_within = \"5m\"
[severities.low]
respond_within = \"2d\"
[[sinks]]
name = \"hook\"
type = \"webhook\"
url = \"env:HOOK_URL\"
allow_private = true
headers = { X-Team = \"core\", Authorization = \"file:/run/token\" }
format = \"cloudevents\"
secrets = [\"env:NEW\", \"file:old\"]
[[sinks]]
name = \"k\"
type = \"kafka\"
topic = \"alerts\"
send_resolved = false
[[sinks]]
name = \"f\"
type = \"file\"
path = \"out.jsonl\"
severities = [\"緊急\", \"L2\"]
[[sinks]]
name = \"p\"
type = \"pagerduty\"
routing_key = \"env:PD\"
[[sinks]]
name = \"am\"
type = \"alertmanager\"
urls = [\"http://a\", \"env:B\"]
[[sinks]]
name = \"post\"
type = \"mail\"
server = \"[::1]:587\"
username = \"u\"
password = \"env:PW\"
ca_file = \"ca.pem\"
from = \"a@b\"
to = [\"c@d\"]
[[sinks]]
name = \"chat\"
type = \"slack\"
token = \"env:T\"
channel = \"C1\"
";
    let config = parse(text).unwrap();
    assert_eq!(config.rules, [Path::new("etc/a.rules"), Path::new("/abs")]);
    assert_eq!(config.state_dir, Path::new("/var/lib/hansho"));
    assert_eq!((config.language, config.workers), (Some(Language::Ja), 3));
    assert_eq!(config.listen.to_string(), "[::1]:1");
    let kafka = config.kafka.as_ref().unwrap();
    assert_eq!((kafka.group.as_str(), kafka.auto_offset_reset), ("g", AutoOffsetReset::Latest));
    assert_eq!(format!("{:?}", kafka.properties["sasl.password"]), "Secret(file:etc/kafka.pw)");
    assert_eq!(kafka.properties["socket.timeout.ms"].reveal().unwrap(), "60000");
    assert_eq!(kafka.properties["fetch.min.bytes"].reveal().unwrap(), "1");
    assert_eq!(config.inputs.get("auth"), Some(&StreamInput::Topic("auth.events".to_owned())));
    assert_eq!(config.inputs.get("plain"), None);
    let limits = NodeLimits {
        idle_timeout_ms: 500,
        skew_max_ms: 2 * HOUR_MS,
        reorder_buffer_bytes: 65_536,
        keys_per_rule: 8,
        pending_max: 7,
        notify_rate_limit_per_min: 8,
        flap_threshold: 0,
        pause_alert_after_ms: 9 * MINUTE_MS,
        snapshot_interval_ms: None,
        meta: MetaLimits { quiet_ms: 10_000, never_matched_after: 11, rule_share_max: 12 },
    };
    assert_eq!(config.limits, limits);
    assert_eq!(config.dead_letters, DeadLetterTarget::Topic("dead".to_owned()));
    let levels = config.on_call(&CalendarsByName::new()).unwrap().levels;
    let within = |severity| levels.level(severity).respond_within_ms;
    assert_eq!(within(Severity::Critical), Some(5 * MINUTE_MS));
    assert_eq!(within(Severity::Low), Some(48 * HOUR_MS));
    let targets: Vec<String> =
        config.sinks.iter().map(|sink| format!("{:?}", sink.target)).collect();
    assert_eq!(
        targets,
        [
            "WebhookConfig { url: Secret(env:HOOK_URL), allow_private: true, headers: \
             [(\"authorization\", Secret(file:/run/token)), (\"x-team\", Secret(…))], \
             format: CloudEvents, secrets: [Secret(env:NEW), Secret(file:old)] }",
            "KafkaConfig { topic: \"alerts\" }",
            "FileSettings { path: \"out.jsonl\" }",
            "PagerDutyConfig { url: None, routing_key: Secret(env:PD), allow_private: false }",
            "AlertmanagerConfig { urls: [Secret(…), Secret(env:B)], headers: [], \
             allow_private: false }",
            "MailConfig { server: ::1:587, tls: StartTls, ca_file: Some(\"ca.pem\"), \
             username: Some(\"u\"), password: Some(Secret(env:PW)), to: [\"c@d\"], \
             from: \"a@b\", allow_private: false }",
            "SlackConfig { url: None, token: Some(Secret(env:T)), channel: Some(\"C1\"), \
             api_url: None, allow_private: false }",
        ]
    );
    assert_eq!(
        config.sinks[2].severities,
        [Severity::Critical, Severity::High].into_iter().collect()
    );
    assert!(!config.sinks[1].on.resolve);
}

#[test]
fn an_error_names_file_line_key_and_the_way_out() {
    let rules = "rules = [\"rules/\"]";
    let cases = [
        (changed(rules, "rules = []"), 2, "rules", "write rules = [\"rules/\"]"),
        (changed(rules, "rules = x"), 2, "rules", ""),
        (changed(rules, "rulez = []"), 2, "rulez", "unknown field `rulez`"),
        (changed(rules, &format!("{rules}\nmode = \"many\"")), 3, "mode", "mode = \"one\""),
        (changed(rules, &format!("{rules}\nmode = \"two\"")), 3, "mode", "write \"one\""),
        (changed(rules, &format!("{rules}\nlanguage = \"fr\"")), 3, "language", "\"ja\" or \"en\""),
        (changed(rules, &format!("{rules}\ntimezone = \"JST-9\"")), 3, "timezone", "Asia/Tokyo"),
        (changed(rules, &format!("{rules}\nworkers = 0")), 3, "workers", "leave it out"),
        (changed(rules, &format!("{rules}\napi.listen = \"9464\"")), 3, "api.listen", "127.0.0.1"),
        (
            changed("localhost:9092\" }", "b\", \"group.id\" = \"x\" }"),
            3,
            "kafka.properties",
            "kafka.group",
        ),
        (changed("bootstrap.servers", "bootstrap"), 3, "kafka.properties", "write properties"),
        (changed("9092\"", "9092\", \"sasl.password\" = \"x\""), 3, "kafka.properties", "env:NAME"),
        (
            changed("9092\"", "9092\", \"plugin.library.paths\" = \"x\""),
            3,
            "kafka.properties",
            "remove",
        ),
        (with_sink("type = \"pager\""), 6, "sinks.type", "unknown variant `pager`"),
        (with_sink("type = \"file\""), 6, "sinks.type", "file needs `path = \"…\"`"),
        (with_sink("type = \"webhook\""), 6, "sinks.type", "needs `url"),
        (with_sink("type = \"kafka\"\nurl = \"http://x\""), 6, "sinks.type", "takes no `url`"),
        (with_sink("type = \"webhook\"\nurl = \"ftp://x\""), 7, "sinks.url", "https://"),
        (with_sink("type = \"webhook\"\nurl = \"https://u:p@x/\""), 7, "sinks.url", "env:NAME"),
        (
            with_sink(
                "type = \"webhook\"\nurl = \"http://x\"\nheaders.Authorization = \"Bearer 1\"",
            ),
            8,
            "sinks.headers.Authorization",
            "env:NAME",
        ),
        (
            with_sink("type = \"webhook\"\nurl = \"http://x\"\nsecrets = [\"whsec_1\"]"),
            8,
            "sinks.secrets",
            "env:NAME",
        ),
        (with_sink("type = \"alertmanager\""), 6, "sinks.type", "needs `urls"),
        (with_sink("type = \"alertmanager\"\nurls = []"), 7, "sinks.urls", "1 to 16"),
        (with_sink("type = \"alertmanager\"\nurls = [\"a\"]"), 7, "sinks.urls", "https://"),
        (with_sink("type = \"slack\""), 6, "sinks.type", "`url` of an incoming webhook"),
        (with_sink("type = \"slack\"\ntoken = \"env:T\""), 6, "sinks.type", "needs `channel"),
        (with_sink("type = \"slack\"\nurl = \"https://h/T0\""), 7, "sinks.url", "env:NAME"),
        (with_sink("type = \"slack\"\ntoken = \"xoxb-1\""), 7, "sinks.token", "env:NAME"),
        (with_sink("type = \"mail\""), 6, "sinks.type", "needs `server"),
        (with_sink("type = \"mail\"\nserver = \"x\""), 7, "sinks.server", "HOST:PORT"),
        (with_sink("type = \"mail\"\nserver = \"::1\""), 7, "sinks.server", "HOST:PORT"),
        (with_sink("type = \"mail\"\nserver = \"x:25\""), 6, "sinks.type", "needs `to"),
        (with_sink("type = \"mail\"\nserver = \"x:25\"\nto = []"), 8, "sinks.to", "1 to 100"),
        (
            with_sink("type = \"mail\"\nserver = \"x:25\"\nto = [\"a@b\"]\npassword = \"p\""),
            9,
            "sinks.password",
            "env:NAME",
        ),
        (
            with_sink(
                "type = \"mail\"\nserver = \"x:25\"\nto = [\"a@b\"]\ntls = \"none\"\n\
                 from = \"a@b\"\nusername = \"u\"\npassword = \"env:P\"",
            ),
            6,
            "sinks.type",
            "in clear",
        ),
        (with_sink("type = \"pagerduty\""), 6, "sinks.type", "needs `routing_key = \"…\"`"),
        (
            with_sink("type = \"pagerduty\"\nrouting_key = \"0123\""),
            7,
            "sinks.routing_key",
            "env:NAME",
        ),
        (with_sink("type = \"file\"\nformat = \"hansho\""), 6, "sinks.type", "takes no `format`"),
        (with_sink("type = \"stdout\"\nseverities = []"), 7, "sinks.severities", "leave it out"),
        (with_sink("type = \"stdout\"\nseverities = [\"bad\"]"), 7, "sinks.severities", "緊急"),
        (with_sink("type = \"kafka\"\ntopic = \"a b\""), 7, "sinks.topic", "1 to 249"),
        (
            with_sink(
                "type = \"stdout\"\n[[sinks]] # again\nname = \"console\"\ntype = \"stdout\"",
            ),
            8,
            "sinks.name",
            "its own name",
        ),
        (
            with_sink("type = \"kafka\"\ntopic = \"in\"\n[streams.s]\ntopic = \"in\""),
            7,
            "sinks.topic",
            "another one",
        ),
        (
            with_sink("type = \"stdout\"\n[limits]\nidle_timeout = \"10\""),
            8,
            "limits.idle_timeout",
            "\"10s\"",
        ),
        (
            with_sink("type = \"stdout\"\n[limits]\nidle_timeout = \"0s\""),
            8,
            "limits.idle_timeout",
            "\"10s\"",
        ),
        (
            with_sink("type = \"stdout\"\n[limits]\nreorder_buffer_bytes = \"1GB\""),
            8,
            "limits.reorder_buffer_bytes",
            "256MiB",
        ),
        (
            with_sink("type = \"stdout\"\n[limits]\nkeys_per_rule = 0"),
            8,
            "limits.keys_per_rule",
            "at least 1",
        ),
        (
            with_sink("type = \"stdout\"\n[limits]\nrule_share_max = 101"),
            8,
            "limits.rule_share_max",
            "1 to 100",
        ),
        (
            with_sink("type = \"stdout\"\n[limits]\npending_max = 0"),
            8,
            "limits.pending_max",
            "at least 1",
        ),
        (
            with_sink("type = \"stdout\"\n[dead_letters]\nfile = \"f\"\ntopic = \"t\""),
            9,
            "dead_letters.topic",
            "keep one",
        ),
        (
            with_sink("type = \"stdout\"\n[severities.critical]\nrespond_within = \"3h\""),
            8,
            "severities.critical.respond_within",
            "swap",
        ),
        (
            with_sink("type = \"stdout\"\n[severities.high]\ngroup_wait = \"2m\""),
            8,
            "severities.high.group_wait",
            "swap",
        ),
        (
            with_sink("type = \"stdout\"\n[severities.low]\ngroup_wait = \"11m\""),
            8,
            "severities.low.group_wait",
            "maximum is 10m",
        ),
        (
            with_sink("type = \"stdout\"\n[severities.high]\nrespond_within = \"none\""),
            8,
            "severities.high.respond_within",
            "swap",
        ),
    ];
    for (text, line, key, way_out) in cases {
        let error = parse(&text).err().unwrap_or_else(|| panic!("it was taken:\n{text}"));
        let shown = error.to_string();
        let start = format!("etc/hansho.toml:{line}: {key}: ");
        assert!(shown.starts_with(&start), "want {start}, got {shown}\n{text}");
        assert!(shown.contains(way_out), "want {way_out}, got {shown}");
        assert!(!shown.contains("Bearer 1") && !shown.contains("u:p"), "{shown}");
    }
}

#[test]
fn a_configuration_that_reports_nobody_is_refused() {
    let (without, _) = LEAST.split_once("[[sinks]]").unwrap();
    let shown = parse(without).unwrap_err().to_string();
    assert_eq!(
        shown,
        "etc/hansho.toml: has no sink, so no notification could be sent; add [[sinks]] with name \
         and type"
    );
    for (header, want) in [("[sinks]", "write each sink as [[sinks]]"), ("[[sink]]", "`sinks`")] {
        let shown = parse(&changed("[[sinks]]", header)).unwrap_err().to_string();
        assert!(shown.starts_with("etc/hansho.toml:4: ") && shown.contains(want), "{shown}");
    }
}

#[test]
fn a_file_that_is_not_there_or_far_too_large_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hansho.toml");
    let shown = NodeConfig::load(&path).unwrap_err().to_string();
    assert!(shown.contains("hansho.toml: cannot be read:"), "{shown}");
    std::fs::write(&path, vec![b'#'; FILE_MAX as usize + 1]).unwrap();
    let shown = NodeConfig::load(&path).unwrap_err().to_string();
    assert!(shown.contains("the limit is 1048576"), "{shown}");
}

#[test]
fn secrets_are_revealed_where_they_are_kept_and_shown_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "s3cret\r\n").unwrap();
    let path = folder.path().join("hansho.toml");
    let formatter = MessageFormatter { language: Language::Ja, zone: TimeZone::UTC };
    let resolved = |header: &str| {
        let hook = "type = \"webhook\"\nurl = \"https://x/s3cret\"\nheaders";
        let config = NodeConfig::parse(&with_sink(&format!("{hook}.{header}")), &path).unwrap();
        assert!(!format!("{config:?}").contains("s3cret"));
        let context =
            SinkContext { folder: &config.folder, properties: &[], formatter: &formatter };
        config.sinks[0].target.resolve(&context).map_err(|error| error.to_string())
    };
    let inline = resolved("x-team = \"s3cret\"").unwrap();
    assert_eq!(resolved("x-team = \"file:token\"").unwrap(), inline);
    assert!(resolved("x-team = \"other\"").unwrap() != inline);
    assert!(!format!("{inline:?}").contains("s3cret"));
    let unset = resolved("cookie = \"env:HANSHO_TEST_UNSET\"").unwrap_err();
    assert!(unset.starts_with("environment variable HANSHO_TEST_UNSET"), "{unset}");
    let lost = resolved("x-api-key = \"file:nowhere\"").unwrap_err();
    assert!(lost.contains(folder.path().join("nowhere").to_str().unwrap()), "{lost}");
}

#[test]
fn streams_are_read_from_elsewhere_without_kafka() {
    let rest = "[[sinks]]\nname = \"a\"\ntype = \"stdout\"\n";
    let written = |lines: &str| parse(&format!("rules = [\"r\"]\n{lines}\n{rest}"));
    let streams = "[streams.a]\ntype = \"file\"\npath = \"a.jsonl\"\n\
                   [streams.b]\ntype = \"http\"\n[streams.c]\ntype = \"stdin\"";
    let config = written(streams).unwrap();
    assert!(config.kafka.is_none());
    let inputs: Vec<StreamInput> = config.inputs.into_values().collect();
    assert_eq!(
        inputs,
        [StreamInput::File("etc/a.jsonl".into()), StreamInput::Http, StreamInput::Stdin]
    );
    let ingest =
        "[ingest]\ntoken = \"env:T\"\nspool_bytes = \"64MiB\"\n[streams.b]\ntype = \"http\"";
    let open = "[api]\nlisten = \"0.0.0.0:1\"\n[[api.tokens]]\nname = \"a\"\n\
                token = \"env:A\"\nscope = \"read\"\n";
    let config = written(&format!("{open}{ingest}")).unwrap();
    assert_eq!(format!("{:?}", config.ingest.token), "Some(Secret(env:T))");
    assert_eq!(config.ingest.spool_bytes, 64 << 20);
    let cases = [
        ("[streams.a]\ntype = \"file\"".to_owned(), "write path ="),
        ("[streams.a]\npath = \"x\"".to_owned(), "type = \"file\""),
        ("[streams.a]\ntype = \"http\"\npath = \"x\"".to_owned(), "only type = \"file\""),
        ("[streams.a]\ntype = \"http\"\ntopic = \"x\"".to_owned(), "only type = \"kafka\""),
        ("[streams.a]\ntype = \"tcp\"".to_owned(), "unknown variant"),
        (format!("{streams}\n[streams.d]\ntype = \"stdin\""), "c and d both read"),
        (format!("{open}[streams.b]\ntype = \"http\""), "set ingest.token"),
        ("[ingest]\ntoken = \"clear\"".to_owned(), "secret in clear"),
    ];
    for (lines, want) in cases {
        let said = written(&lines).unwrap_err().to_string();
        assert!(said.contains(want), "{lines}: {said}");
    }
}
