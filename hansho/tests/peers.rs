//! The programs of others at the far end of a sink, as they are installed everywhere.
//!
//! They are ignored until they are asked for, and then fail where the program is missing.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{failures, rules};
use serde_json::Value;
use tests::recorder::{HttpRecorder, RecordedRequest};
use tests::service::{ServiceHome, free_port, get, post_text};

/// No scenario waits longer for anything.
const DEADLINE: Duration = Duration::from_secs(60);
/// An instant in the past, so that nothing here waits for a window to pass.
const START_MS: i64 = 1_767_225_600_000;

/// A service without Kafka that tells one sink.
struct PeerScene {
    service: ServiceHome,
    address: String,
}

impl PeerScene {
    fn start(sink: &str) -> PeerScene {
        let address = format!("127.0.0.1:{}", free_port().expect("a port"));
        let config = format!(
            "rules = [{:?}]\nstate_dir = \"{{home}}/state\"\nlanguage = \"ja\"\n\
             [api]\nlisten = \"{address}\"\n[streams.auth]\ntype = \"http\"\n\
             [[sinks]]\nname = \"peer\"\n{sink}\n",
            rules("burst.rules").display()
        );
        let mut service =
            ServiceHome::run(env!("CARGO_BIN_EXE_hansho"), &config).expect("it starts");
        service.wait_for_ok(&address, "/readyz", DEADLINE).expect("it is ready");
        PeerScene { service, address }
    }

    fn crash_and_restart(&mut self) {
        self.service.kill9();
        self.service.restart().expect("it starts again");
        self.service.wait_for_ok(&self.address, "/readyz", DEADLINE).expect("it is ready");
    }

    fn burst(&self) {
        self.events(&failures("a", (0..12).map(|n| START_MS + n * 1_000)));
    }

    /// Time passes until the burst is over.
    fn calm(&self) {
        self.events(&failures("z", [START_MS + 9 * 60_000]));
    }

    fn events(&self, lines: &str) {
        assert_eq!(post_text(&self.address, "/ingest/auth", lines).expect("it listens").0, 200);
    }
}

fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < DEADLINE, "{what}");
        std::thread::yield_now();
    }
}

/// Keeps every mail it gets as a file of its own, named by its number.
const MAILBOX: &str = r#"
import asyncio, pathlib, sys
from aiosmtpd.controller import Controller
class Keep:
    count = 0
    async def handle_DATA(self, server, session, envelope):
        folder = pathlib.Path(sys.argv[2])
        part = folder / "part"
        part.write_bytes(envelope.content)
        part.rename(folder / f"{self.count:04}.eml")
        self.count += 1
        return "250 kept"
controller = Controller(Keep(), hostname="127.0.0.1", port=int(sys.argv[1]))
controller.start()
print("listening", flush=True)
asyncio.new_event_loop().run_forever()
"#;

/// One line a mail: subject, id, thread, what answers what, kinds of its parts and its text.
const READER: &str = r#"
import email, email.policy, json, pathlib, sys
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.eml")):
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    text = mail.get_body(("plain",)).get_content()
    html = mail.get_body(("html",)).get_content()
    names = ["Subject", "Message-ID", "References", "In-Reply-To", "From", "To", "X-Priority"]
    kept = {name: str(mail[name]) for name in names}
    print(json.dumps({**kept, "text": text, "html": html, "defects": len(mail.defects)}))
"#;

fn python() -> PathBuf {
    std::env::var_os("HANSHO_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from)
}

fn mails(folder: &Path) -> Vec<Value> {
    let read = std::process::Command::new(python())
        .args(["-c", READER])
        .arg(folder)
        .output()
        .expect("python runs");
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let text = String::from_utf8(read.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn alerts_of(router: &str) -> Vec<Value> {
    let (status, body) = get(router, "/api/v2/alerts").expect("it answers");
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}

fn statuses(requests: &[RecordedRequest]) -> Vec<String> {
    let status = |request: &RecordedRequest| {
        let body: Value = serde_json::from_str(&request.text()).expect("JSON");
        body["status"].as_str().expect("a status").to_owned()
    };
    requests.iter().map(status).collect()
}

#[test]
#[ignore = "needs prometheus-alertmanager"]
fn a_real_alertmanager_pages_once_and_receives_of_the_end() {
    let look = std::process::Command::new("prometheus-alertmanager").arg("--version").output();
    look.expect("prometheus-alertmanager is missing: install the package of that name");
    let pager = HttpRecorder::start().expect("a server");
    let mut router = ServiceHome::new("prometheus-alertmanager").expect("a folder");
    let config = router.home().join("alertmanager.yml");
    let settings = format!(
        "route:\n  receiver: pager\n  group_by: ['...']\n  group_wait: 0s\n  \
         group_interval: 1s\n  repeat_interval: 1h\n\
         receivers:\n- name: pager\n  webhook_configs:\n  - url: {:?}\n    send_resolved: true\n",
        pager.url("/")
    );
    fs::write(&config, settings).expect("it is written");
    let at = format!("127.0.0.1:{}", free_port().expect("a port"));
    let arguments = [
        format!("--config.file={}", config.display()),
        format!("--storage.path={}", router.home().join("data").display()),
        format!("--web.listen-address={at}"),
        "--cluster.listen-address=".to_owned(),
    ];
    router.start(&arguments.each_ref().map(String::as_str)).expect("it starts");
    router.wait_for_ok(&at, "/-/ready", DEADLINE).expect("it is ready");

    let sink = format!("type = \"alertmanager\"\nurls = [\"http://{at}\"]\nallow_private = true");
    let mut scene = PeerScene::start(&sink);
    scene.burst();
    let paged = pager.wait_for(1, DEADLINE).expect("it pages");
    let page: Value = serde_json::from_str(&paged[0].text()).expect("JSON");
    let labels = &page["alerts"][0]["labels"];
    assert_eq!(labels["alertname"], "認証失敗多発");
    assert_eq!((&labels["severity"], &labels["user_2e_name"]), (&"critical".into(), &"a".into()));
    let first = wait_until("it has the alert", || alerts_of(&at).pop());
    assert_eq!(first["status"]["state"], "active");

    // What lives in its memory only is confirmed by whoever begins again.
    scene.crash_and_restart();
    let confirmed = wait_until("it is confirmed", || {
        alerts_of(&at).pop().filter(|alert| alert["updatedAt"] != first["updatedAt"])
    });
    assert_eq!(confirmed["fingerprint"], first["fingerprint"]);
    scene.calm();
    let all = pager.wait_until(DEADLINE, |requests| requests.len() >= 2).expect("it ends");
    assert_eq!(statuses(&all), ["firing", "resolved"], "one page, one end");
    wait_until("nothing is open there", || alerts_of(&at).is_empty().then_some(()));

    // An Alertmanager that forgot everything learns what is open from the next confirmation.
    scene.events(&failures("b", (0..12).map(|n| START_MS + 600_000 + n * 1_000)));
    pager.wait_for(3, DEADLINE).expect("it pages");
    router.kill9();
    fs::remove_dir_all(router.home().join("data")).expect("it had some");
    router.restart().expect("it starts again");
    router.wait_for_ok(&at, "/-/ready", DEADLINE).expect("it is ready");
    assert!(alerts_of(&at).is_empty());
    scene.crash_and_restart();
    let again = wait_until("it is told again", || alerts_of(&at).pop());
    assert_eq!(again["labels"]["user_2e_name"], "b");
}

#[test]
#[ignore = "needs a Python with aiosmtpd: HANSHO_PYTHON names it"]
fn a_real_mail_server_gets_one_thread_an_incident() {
    let look = std::process::Command::new(python()).args(["-c", "import aiosmtpd"]).output();
    let found = look.is_ok_and(|output| output.status.success());
    assert!(found, "aiosmtpd is missing: pip install aiosmtpd, HANSHO_PYTHON names the Python");
    let mut server = ServiceHome::new(python()).expect("a folder");
    let folder = server.home().join("mails");
    fs::create_dir(&folder).expect("a folder");
    let port = free_port().expect("a port").to_string();
    let at = folder.display().to_string();
    server.start(&["-c", MAILBOX, &port, &at]).expect("it starts");
    server.wait_for_line("listening", DEADLINE).expect("it listens");
    let sink = format!(
        "type = \"mail\"\nserver = \"127.0.0.1:{port}\"\ntls = \"none\"\nallow_private = true\n\
         from = \"半鐘 <hansho@ops.example>\"\n\
         to = [\"当番 <oncall@ops.example>\", \"b@ops.example\"]"
    );
    let mut scene = PeerScene::start(&sink);
    scene.burst();
    let arrived = |count: usize| {
        wait_until("mail comes", || {
            let names = fs::read_dir(&folder).expect("a folder").flatten();
            let kept = names.filter(|it| it.path().extension().is_some_and(|it| it == "eml"));
            (kept.count() >= count).then_some(())
        });
        mails(&folder)
    };
    arrived(1);
    scene.crash_and_restart();
    scene.calm();
    let mails = arrived(2);
    assert_eq!(mails.len(), 2, "{mails:?}");
    let subjects = mails.iter().map(|mail| mail["Subject"].as_str().expect("a subject"));
    let subjects: Vec<&str> = subjects.collect();
    assert!(subjects[0].starts_with("[緊急] 認証失敗多発"), "{subjects:?}");
    assert!(subjects[1].starts_with("[解消] 認証失敗多発"), "{subjects:?}");
    assert_eq!(mails[0]["References"], mails[1]["References"]);
    assert_eq!(mails[0]["References"], mails[0]["In-Reply-To"]);
    assert_ne!(mails[0]["Message-ID"], mails[1]["Message-ID"]);
    assert_eq!(mails[0]["From"], "半鐘 <hansho@ops.example>");
    assert_eq!(mails[0]["To"], "当番 <oncall@ops.example>, b@ops.example");
    assert_eq!((&mails[0]["X-Priority"], &mails[0]["defects"]), (&"1".into(), &0.into()));
    let text = mails[0]["text"].as_str().expect("a text");
    assert!(text.contains("対応期限: ") && text.contains("キー: user.name=a"), "{text}");
    assert!(mails[0]["html"].as_str().expect("a text").contains("<td>user.name=a</td>"));
}
