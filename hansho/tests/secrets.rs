//! No secret of the configuration is said anywhere: not in a log at its most talkative, not by
//! the API or a command, not in a metric, and in no file of the service's own. A receiver that
//! repeats in its answer what it was sent is no exception.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{failures, rules};
use connectors::source::kafka::properties::{ALLOWED_PROPERTIES, KafkaProperty};
use serde_json::{Value, json};
use tests::recorder::{HttpRecorder, RecorderAnswer};
use tests::service::{ServiceHome, free_port};

/// No scenario waits longer for anything.
const DEADLINE: Duration = Duration::from_secs(60);
/// An instant in the past, so that nothing here waits for a window to pass.
const START_MS: i64 = 1_767_225_600_000;
/// The second member of the Alertmanagers, who knows nothing of the first one's address.
const SECOND: &str = "router-2";

/// Form in which a secret is kept out of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SecretForm {
    Env,
    File,
}

/// The secrets of one configuration, each recognisable and known by the field it is for.
struct PlantedSecrets {
    form: SecretForm,
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
    /// The sink that what is planted now is for; empty for none.
    sink: String,
    cores: Vec<SecretCore>,
}

/// One secret.
struct SecretCore {
    /// The part of it that nothing may hold.
    text: String,
    /// The field of a configuration table or the property of Kafka that has it.
    field: String,
    sink: String,
}

impl PlantedSecrets {
    fn new(form: SecretForm) -> PlantedSecrets {
        let folder = tempfile::tempdir().expect("a folder");
        PlantedSecrets {
            form,
            folder,
            environment: Vec::new(),
            sink: String::new(),
            cores: Vec::new(),
        }
    }

    /// Makes a secret for a field of a table or a property of Kafka, and says where it is
    /// kept; `around` is the whole value, its `CORE` the secret in it.
    fn plant(&mut self, field: &str, around: &str) -> String {
        let number = self.cores.len();
        let core = format!("hunter{number:02}xq{number:02}zkvbwqjxy");
        self.keep(field, core.clone(), &around.replace("CORE", &core))
    }

    /// The same for a key that signs: what is written down is its base64.
    fn plant_signing(&mut self, field: &str) -> String {
        let number = self.cores.len();
        let core = format!("hunter{number:02}signingkeyofthirtytwo!!");
        let text = format!("whsec_{}", STANDARD.encode(&core));
        self.keep(field, core, &text)
    }

    fn keep(&mut self, field: &str, core: String, text: &str) -> String {
        let number = self.cores.len();
        self.cores.push(SecretCore {
            text: core,
            field: field.to_owned(),
            sink: self.sink.clone(),
        });
        match self.form {
            SecretForm::Env => {
                let name = format!("HANSHO_PLANTED_{number}");
                self.environment.push((name.clone(), text.to_owned()));
                format!("env:{name}")
            }
            SecretForm::File => {
                let path = self.folder.path().join(number.to_string());
                fs::write(&path, format!("{text}\n")).expect("a secret");
                format!("file:{}", path.display())
            }
        }
    }

    /// Plants a secret wherever a value of a sink's table says so: `plant:TEXT` with `CORE` in
    /// it, `SERVER` or `SECOND` before it for the address of a receiver, and `sign:`.
    fn plant_table(&mut self, sink: &mut toml::Table, recorders: &BTreeMap<String, HttpRecorder>) {
        let text = |key: &str| sink[key].as_str().expect("a text").to_owned();
        let (name, kind) = (text("name"), text("type"));
        for (key, value) in sink.iter_mut() {
            self.plant_value(&name, &format!("{kind}.{key}"), value, recorders);
        }
    }

    fn plant_value(
        &mut self,
        name: &str,
        field: &str,
        value: &mut toml::Value,
        recorders: &BTreeMap<String, HttpRecorder>,
    ) {
        match value {
            toml::Value::Array(all) => {
                all.iter_mut().for_each(|it| self.plant_value(name, field, it, recorders));
            }
            toml::Value::Table(all) => {
                all.iter_mut().for_each(|(_, it)| self.plant_value(name, field, it, recorders));
            }
            toml::Value::String(text) => {
                let marks = [("plant:SERVER", Some(name)), ("plant:SECOND", Some(SECOND))]
                    .into_iter()
                    .chain([("plant:", None), ("sign:", None)]);
                let found = marks
                    .filter_map(|(mark, server)| Some((text.strip_prefix(mark)?, mark, server)))
                    .next();
                let Some((around, mark, server)) = found else { return };
                self.sink = server.unwrap_or(name).to_owned();
                let kept = match (server, mark) {
                    (Some(server), _) => self.plant(field, &recorders[server].url(around)),
                    (None, "sign:") => self.plant_signing(field),
                    (None, _) => self.plant(field, around),
                };
                *text = kept;
            }
            _ => {}
        }
    }

    /// First secret planted for a field.
    fn core(&self, field: &str) -> &str {
        let planted = self.cores.iter().find(|core| core.field == field);
        &planted.unwrap_or_else(|| panic!("nothing is planted for {field}")).text
    }

    /// Texts that a receiver could repeat: the secrets of one sink, as they are or in base64.
    fn repeated(&self, sink: &str, is_coded: bool) -> String {
        let own = self.cores.iter().filter(|core| core.sink == sink);
        let forms = own.map(|core| match is_coded {
            true => STANDARD.encode(&core.text),
            false => core.text.clone(),
        });
        let forms: Vec<String> = forms.collect();
        assert!(!forms.is_empty(), "{sink}");
        format!("no: {}", forms.join(" "))
    }

    /// That a text holds no secret, in clear or in base64, wherever that begins.
    #[track_caller]
    fn is_not_in(&self, place: &str, text: &str) {
        for core in &self.cores {
            let coded = (0..3).map(|shift| base64_inside(&core.text, shift));
            for form in coded.chain([core.text.clone()]) {
                let field = &core.field;
                assert!(!text.contains(&form), "{field} is in {place}, as {form}:\n{text}");
            }
        }
    }
}

/// The base64 of a text that stands `shift` bytes after the beginning of what is encoded,
/// without the characters that its neighbours have a part in.
fn base64_inside(text: &str, shift: usize) -> String {
    let whole = STANDARD.encode("\0".repeat(shift) + text);
    let (first, last) = ((shift * 8).div_ceil(6), (shift + text.len()) * 8 / 6);
    whole[first..last].to_owned()
}

struct SecretScene {
    planted: PlantedSecrets,
    service: ServiceHome,
    address: String,
    /// The receiver of each sink over HTTP.
    recorders: BTreeMap<String, HttpRecorder>,
}

impl SecretScene {
    fn start(form: SecretForm) -> SecretScene {
        let mut planted = PlantedSecrets::new(form);
        let recorders = recorders();
        let port = free_port().expect("a port");
        let config = config(&mut planted, &recorders, port);
        let mut service = ServiceHome::new(env!("CARGO_BIN_EXE_hansho")).expect("a home");
        service.set_env("HANSHO_LOG", "trace");
        service.set_env("RUST_LOG", "trace");
        service.set_env("RUST_BACKTRACE", "1");
        for (name, value) in &planted.environment {
            service.set_env(name, value);
        }
        let path = service.home().join("hansho.toml");
        fs::write(&path, &config).expect("a configuration");
        service.start(&["run", "--config", &path.display().to_string()]).expect("it starts");
        let address = format!("127.0.0.1:{port}");
        service.wait_for_ok(&address, "/readyz", DEADLINE).expect("it is ready");
        SecretScene { planted, service, address, recorders }
    }

    /// Runs a command as one who may do everything, and returns what it printed.
    fn hansho(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hansho"));
        command.args(arguments).args(["--server", &format!("http://{}", self.address)]);
        command.env("HANSHO_LOG", "trace").env("HANSHO_TOKEN", self.planted.core("Token.token"));
        let output = command.output().expect("it runs");
        let said =
            [output.stdout, output.stderr].map(|it| String::from_utf8(it).expect("UTF-8")).concat();
        self.planted.is_not_in(&format!("hansho {arguments:?}"), &said);
        said
    }

    /// One request as one who may do everything: the body of the answer.
    fn request(&self, method: &str, path: &str, token: &str, body: &str) -> String {
        let (length, address) = (body.len(), &self.address);
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        let mut stream = std::net::TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        stream.write_all(head.as_bytes()).expect("sent");
        let answer = std::io::read_to_string(stream).expect("an answer");
        self.planted.is_not_in(&format!("{method} {path}"), &answer);
        answer
    }

    fn admin(&self, method: &str, path: &str, body: &str) -> String {
        self.request(method, path, self.planted.core("Token.token"), body)
    }

    fn post_events(&self, user: &str, minute: i64) {
        let lines = failures(user, (0..12).map(|n| START_MS + minute * 60_000 + n * 1_000));
        let answer =
            self.request("POST", "/ingest/auth", self.planted.core("Ingest.token"), &lines);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let guessed = self.request("POST", "/ingest/auth", "guess", &lines);
        assert!(guessed.starts_with("HTTP/1.1 401"), "{guessed}");
    }

    /// Asks until the answer holds all of some texts.
    fn await_answer(&self, arguments: &[&str], wanted: &[impl AsRef<str> + Debug]) -> String {
        let began = Instant::now();
        loop {
            let said = self.hansho(arguments);
            if wanted.iter().all(|wanted| said.contains(wanted.as_ref())) {
                return said;
            }
            assert!(began.elapsed() < DEADLINE, "not all of {wanted:?} in {said}");
        }
    }

    /// From now on receivers refuse what they are sent, and repeat it.
    fn refuse(&self, status: u16, is_coded: bool) {
        for (sink, recorder) in &self.recorders {
            recorder.answer(RecorderAnswer::Words(status, self.planted.repeated(sink, is_coded)));
        }
    }

    /// Tries every sink and shows what each would be sent.
    fn try_all(&self, incident: &str, wanted: &str) {
        for sink in http_names() {
            let said = self.hansho(&["notifications", "test", &sink]);
            assert!(said.contains(wanted), "{sink} is not {wanted}: {said}");
            self.hansho(&["notifications", "preview", incident, "--to", &sink]);
        }
        assert!(self.hansho(&["notifications", "test", "mail"]).contains("554"));
        self.hansho(&["notifications", "preview", incident, "--to", "mail"]);
    }

    /// Reads everything there is to be read.
    fn read_all(&self, incident: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
        let document: Value = serde_json::from_slice(&fs::read(path).expect("it is")).unwrap();
        let paths = document["paths"].as_object().expect("paths");
        let documented = paths
            .iter()
            .filter(|(_, methods)| methods.get("get").is_some())
            .map(|(path, _)| path.replace("{id}", incident));
        let more = ["/livez", "/metrics", "/rules", "/api/v1/incidents?state=lost", "/none"];
        let all: Vec<String> = documented.chain(more.map(str::to_owned)).collect();
        assert!(all.len() > 10, "{all:?}");
        for path in &all {
            assert!(!self.admin("GET", path, "").starts_with("HTTP/1.1 401"), "{path}");
            self.request("GET", path, "guess", "");
        }
        self.admin("POST", "/-/reload", "");
        self.admin("POST", "/api/v1/notifications/test", "{\"by\":1}");
        for command in ["status", "incident list", "notifications list", "silence list"] {
            let words: Vec<&str> = command.split(' ').collect();
            self.hansho(&words);
            self.hansho(&[&words[..], &["-o", "json"]].concat());
        }
        self.hansho(&["incident", "show", incident]);
        self.hansho(&["route", "test", "--severity", "critical"]);
        self.hansho(&["check", &rules("burst.rules").display().to_string()]);
    }
}

impl SecretScene {
    /// Reads what the service printed in its life and every file it wrote.
    fn check_what_is_left(&self) {
        let printed = self.service.lines().join("\n");
        assert!(printed.contains("TRACE") && printed.len() > 10_000, "{printed}");
        self.planted.is_not_in("what it printed", &printed);
        let all = files(self.service.home());
        let state = self.service.home().join("state");
        assert!(all.iter().filter(|path| path.starts_with(&state)).count() > 3, "{all:?}");
        for path in all {
            let bytes = fs::read(&path).expect("a file");
            self.planted.is_not_in(&path.display().to_string(), &String::from_utf8_lossy(&bytes));
        }
    }
}

/// The sinks over HTTP, as the `planted.toml` of each kind has them.
fn http_sinks() -> Vec<toml::Table> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../connectors/src/sink");
    let mut paths = files(&folder);
    paths.retain(|path| path.file_name().is_some_and(|name| name == "planted.toml"));
    paths.sort();
    let tables = paths.iter().flat_map(|path| {
        let text = fs::read_to_string(path).expect("a file");
        let document: toml::Table = text.parse().expect("TOML");
        document["sinks"].as_array().expect("tables").clone()
    });
    tables.map(|it| it.as_table().expect("a table").clone()).collect()
}

fn http_names() -> Vec<String> {
    http_sinks().iter().map(|sink| sink["name"].as_str().expect("a name").to_owned()).collect()
}

/// The receivers of all sinks over HTTP.
fn recorders() -> BTreeMap<String, HttpRecorder> {
    let all = http_names().into_iter().chain([SECOND.to_owned()]);
    all.map(|sink| (sink, HttpRecorder::start().expect("a server"))).collect()
}

/// A configuration with a secret in every place that takes one.
fn config(
    planted: &mut PlantedSecrets,
    recorders: &BTreeMap<String, HttpRecorder>,
    port: u16,
) -> String {
    let rules = rules("burst.rules");
    let mut lines = vec![
        format!("rules = [{:?}]\nstate_dir = \"state\"", rules.display()),
        format!("[api]\nlisten = \"127.0.0.1:{port}\""),
        "[[api.tokens]]\nname = \"admin\"\nscope = \"admin\"".to_owned(),
        format!("token = {:?}", planted.plant("Token.token", "CORE")),
        format!("[ingest]\ntoken = {:?}", planted.plant("Ingest.token", "CORE")),
        "[streams.auth]\ntype = \"http\"".to_owned(),
        kafka(planted, "sasl_plaintext", |_| true),
        "[[sinks]]\nname = \"downstream\"\ntype = \"kafka\"\ntopic = \"alerts\"".to_owned(),
        "[[sinks]]\nname = \"good\"\ntype = \"file\"\npath = \"told.jsonl\"".to_owned(),
    ];
    for mut sink in http_sinks() {
        planted.plant_table(&mut sink, recorders);
        sink.insert("allow_private".to_owned(), true.into());
        let sinks = [("sinks".to_owned(), vec![sink].into())];
        lines.push(toml::Table::from_iter(sinks).to_string());
    }
    planted.sink = "mail".to_owned();
    lines.push("[[sinks]]\nname = \"mail\"\ntype = \"mail\"\nallow_private = true".to_owned());
    lines.push("username = \"u\"\nfrom = \"a@b.example\"\nto = [\"c@b.example\"]".to_owned());
    lines.push(format!("password = {:?}", planted.plant("mail.password", "CORE")));
    let mail = mail_server(planted.core("mail.password").to_owned());
    lines.push(format!("server = \"127.0.0.1:{mail}\""));
    lines.join("\n") + "\n"
}

/// A Kafka that nobody can reach, with everything secret it takes.
fn kafka(planted: &mut PlantedSecrets, protocol: &str, is_wanted: fn(&str) -> bool) -> String {
    let mut table = format!(
        "[kafka.properties]\n\"bootstrap.servers\" = \"127.0.0.1:1\"\n\
         \"security.protocol\" = \"{protocol}\"\n\"sasl.mechanism\" = \"PLAIN\"\n\
         \"sasl.username\" = \"u\"\n"
    );
    let secret = |it: &&KafkaProperty| it.secret && is_wanted(it.name);
    for property in ALLOWED_PROPERTIES.iter().filter(secret) {
        let kept = planted.plant(property.name, "CORE");
        table += &format!("{:?} = {kept:?}\n", property.name);
    }
    table.pop();
    table
}

/// A mail server that sends everybody away with the password they would have shown.
fn mail_server(password: String) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        let plain = STANDARD.encode(format!("\0u\0{password}"));
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(format!("554 {password} {plain}\r\n").as_bytes());
        }
    });
    port
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("it").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn no_secret_of_the_environment_is_said_whatever_goes_wrong() {
    check_that_nothing_is_said(SecretForm::Env);
}

#[test]
fn no_secret_of_a_file_is_said_whatever_goes_wrong() {
    check_that_nothing_is_said(SecretForm::File);
}

fn check_that_nothing_is_said(form: SecretForm) {
    let mut scene = SecretScene::start(form);
    scene.refuse(400, false);
    scene.post_events("a", 0);
    let names = http_names().into_iter();
    let given_up: Vec<String> = names.map(|sink| format!("\"receiver\":\"{sink}\"")).collect();
    scene.await_answer(&["notifications", "list", "-o", "json"], &given_up);
    let listed = scene.await_answer(&["incident", "list"], &["認証失敗多発"]);
    let line = listed.lines().find(|line| line.contains("認証失敗多発")).expect("it is");
    let incident: String = line.chars().take(8).collect();

    scene.refuse(401, true);
    scene.post_events("b", 2);
    scene.try_all(&incident, "401");
    scene.refuse(500, false);
    scene.post_events("c", 4);
    scene.try_all(&incident, "500");
    // Slack says in a body with which status 200 comes what is wrong.
    let error = scene.planted.repeated("bot", false);
    scene.recorders["bot"].answer(RecorderAnswer::Text(json!({ "error": error }).to_string()));
    assert!(scene.hansho(&["notifications", "test", "bot"]).contains("no: "));
    let gone = format!("no_service {}", scene.planted.repeated("chat", false));
    scene.recorders["chat"].answer(RecorderAnswer::Words(404, gone));
    assert!(scene.hansho(&["notifications", "test", "chat"]).contains("no_service"));
    scene.recorders.values().for_each(|recorder| recorder.answer(RecorderAnswer::Close));
    scene.post_events("d", 6);
    scene.try_all(&incident, "failed (network)");
    scene.recorders.clear();
    scene.try_all(&incident, "failed (network)");
    scene.hansho(&["notifications", "test", "downstream"]);
    scene.read_all(&incident);
    scene.service.terminate(DEADLINE).expect("it ends");
    scene.check_what_is_left();
}

/// A field that takes a secret and is not planted above would be one that nobody looks for.
#[test]
fn every_field_that_takes_a_secret_is_planted() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|it| it == "rs");
    let sinks = files(&home.join("../connectors/src/sink"));
    let tables = [home.join("src/config/raw.rs")];
    let all = tables.into_iter().chain(sinks.into_iter().filter(is_rust));
    let fields: BTreeSet<String> =
        all.flat_map(|path| secret_fields(&fs::read_to_string(path).expect("a source"))).collect();
    let recorders = recorders();
    let mut planted = PlantedSecrets::new(SecretForm::Env);
    config(&mut planted, &recorders, 0);
    let names: BTreeSet<&str> = ALLOWED_PROPERTIES.iter().map(|property| property.name).collect();
    let all = planted.cores.iter().map(|core| core.field.as_str());
    let of_config = all.filter(|field| !names.contains(field));
    let mut have: BTreeSet<String> = of_config.map(str::to_lowercase).collect();
    // Those of Kafka are a table that is planted by name.
    have.insert("kafka.properties".to_owned());
    assert_eq!(fields, have);
    assert!(fields.len() > 10, "{fields:?}");
    let elsewhere = ["scalar.rs", "limits.rs", "on_call.rs", "stream.rs", "sink.rs", "kafka.rs"];
    for name in elsewhere {
        let text = fs::read_to_string(home.join("src/config").join(name)).expect("a source");
        let read = secret_fields(&text);
        assert!(read.is_empty(), "{name} reads {read:?}; let raw.rs do so");
    }
}

/// The fields that hold secrets of the structures in a source that are deserialised, as
/// `structure.field`, for a sink as `type.field`.
fn secret_fields(source: &str) -> Vec<String> {
    let (mut is_read, mut table, mut fields) = (false, "", Vec::new());
    for line in source.lines() {
        let line = line.trim_start_matches("pub(super) ").trim_start_matches("pub ");
        if line.starts_with("#[derive(") {
            is_read = line.contains("Deserialize");
        } else if let Some(name) = line.strip_prefix("struct ").and_then(|it| it.strip_suffix(" {"))
        {
            table = if is_read { name } else { "" };
            is_read = false;
        } else if line.starts_with('}') {
            table = "";
        } else if let Some((name, _)) = line.split_once(':').filter(|(_, of)| of.contains("Secret"))
            && !table.is_empty()
        {
            let name = name.trim().trim_start_matches("pub(super) ").trim_start_matches("pub ");
            let table = table.trim_start_matches("Raw").trim_end_matches("Config").to_lowercase();
            fields.push(format!("{table}.{name}"));
        }
    }
    fields
}

/// Also where the service does not start, it says what is wrong without the value.
#[test]
fn no_secret_is_said_by_a_service_that_cannot_start() {
    let rules = rules("burst.rules").display().to_string();
    let sink = "[[sinks]]\nname = \"x\"\ntype = \"stdout\"\n";
    for form in [SecretForm::Env, SecretForm::File] {
        let mut planted = PlantedSecrets::new(form);
        let head = format!("rules = [{rules:?}]\n[api]\nlisten = \"127.0.0.1:0\"\n{sink}");
        let http = format!("{head}[streams.auth]\ntype = \"http\"\n");
        let hook = "[[sinks]]\nname = \"hook\"\ntype = \"webhook\"\nurl = ";
        let cases = [
            head.clone() + &kafka(&mut planted, "sasl_ssl", |_| true),
            head.clone() + &kafka(&mut planted, "sasl_ssl", |it| it.starts_with("ssl.key.")),
            head.clone() + &kafka(&mut planted, "sasl_ssl", |it| it == "ssl.certificate.pem"),
            format!("{http}{hook}{:?}", planted.plant("webhook.url", "hxxp:CORE")),
            format!("{http}{hook}{:?}", planted.plant("webhook.url", "http://127.0.0.1/CORE")),
            format!(
                "{http}{hook}\"http://x.example\"\nheaders.token = {:?}",
                planted.plant("webhook.headers", "CORE\u{7f}")
            ),
            format!(
                "{http}{hook}\"http://x.example\"\nsecrets = [{:?}]",
                planted.plant("webhook.secrets", "CORE")
            ),
            format!(
                "{http}[[sinks]]\nname = \"page\"\ntype = \"pagerduty\"\nrouting_key = {:?}",
                planted.plant("pagerduty.routing_key", "CORE!")
            ),
        ];
        for config in cases {
            refuse_to_start(&planted, &config);
        }
    }
}

/// Who writes a secret in clear, or where a table or list belongs, is told so without it.
#[test]
fn no_secret_in_clear_is_said_back() {
    let rules = rules("burst.rules").display().to_string();
    let mut planted = PlantedSecrets::new(SecretForm::Env);
    planted.plant("in clear", "CORE");
    let core = planted.core("in clear").to_owned();
    let head = format!("rules = [{rules:?}]\n[[sinks]]\nname = \"x\"\n");
    let hook = "type = \"webhook\"\nurl = \"https://x.example\"\n";
    let cases = [
        format!("{hook}headers = \"Bearer {core}\""),
        format!("{hook}headers.token = \"{core}\""),
        format!("{hook}headers.token = [\"{core}\"]"),
        format!("{hook}secrets = \"whsec_{core}\""),
        format!("{hook}secrets = [\"{core}\"]"),
        format!("{hook}secret = \"{core}\""),
        format!("{hook}secrets = [\"{core}"),
        format!("type = \"webhook\"\nurl = \"https://u:{core}@x.example/\""),
        format!("type = \"webhook\"\nurl = \"{core}\""),
        format!("type = \"alertmanager\"\nurls = \"https://x.example/{core}\""),
        format!("type = \"slack\"\nurl = \"https://x.example/{core}\""),
        format!("type = \"teams\"\nurl = \"https://x.example/{core}\""),
        format!("type = \"slack\"\nchannel = \"C1\"\ntoken = \"{core}\""),
        format!("type = \"pagerduty\"\nrouting_key = \"{core}\""),
        format!("type = \"stdout\"\n[api]\ntokens = \"{core}\""),
        format!("type = \"stdout\"\n[api]\ntokens = [\"{core}\"]"),
        format!("type = \"stdout\"\n[kafka]\nproperties = \"sasl.password={core}\""),
        format!("type = \"stdout\"\n[kafka.properties]\n\"sasl.password\" = \"{core}\""),
        format!("type = \"stdout\"\n[ingest]\ntoken = \"{core}\""),
        format!("type = \"stdout\"\ningest = \"{core}\""),
    ];
    for config in cases {
        refuse_to_start(&planted, &format!("{head}{config}\n"));
    }
}

/// Runs a service that ends by itself, and reads what it said.
fn refuse_to_start(planted: &PlantedSecrets, config: &str) {
    let mut service = ServiceHome::new(env!("CARGO_BIN_EXE_hansho")).expect("a home");
    service.set_env("HANSHO_LOG", "trace");
    for (name, value) in &planted.environment {
        service.set_env(name, value);
    }
    let path = service.home().join("hansho.toml");
    fs::write(&path, config).expect("a configuration");
    service.start(&["run", "--config", &path.display().to_string()]).expect("it starts");
    let ended = service.wait_for_exit(DEADLINE);
    let said = service.lines().join("\n");
    let refused = [Some(2), Some(3)];
    assert!(
        ended.is_some_and(|ended| refused.contains(&ended.code())),
        "{ended:?}\n{config}\n{said}"
    );
    planted.is_not_in(config.lines().last().unwrap_or_default(), &said);
}
