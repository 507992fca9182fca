use std::sync::{Arc, Mutex};

use jiff::tz::TimeZone;
use model::alert_facts::AlertFacts;
use model::message::Language;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;
use crate::sink::tests::notification;

/// A server that answers each verb as it is told to, and keeps what it hears.
struct MailServer {
    port: u16,
    received: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

/// The answer to a line, where it is another than the usual one.
type MailScript = fn(&str) -> Option<&'static str>;

impl MailServer {
    async fn start(script: MailScript) -> MailServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, script, Arc::clone(&kept)));
            }
        });
        MailServer { port, received, task }
    }

    fn received(&self, begins: &str) -> Vec<String> {
        let received = self.received.lock().unwrap();
        received.iter().filter(|line| line.starts_with(begins)).cloned().collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, script: MailScript, kept: Arc<Mutex<Vec<String>>>) {
    let mut stream = BufReader::new(stream);
    let greeting = script("CONNECT").unwrap_or("220 hi");
    if greeting == "hang" {
        return std::future::pending().await;
    }
    stream.write_all(format!("{greeting}\r\n").as_bytes()).await.unwrap_or_default();
    let (mut line, mut is_body) = (String::new(), false);
    loop {
        line.clear();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let said = line.trim_end_matches("\r\n").to_owned();
        kept.lock().unwrap().push(said.clone());
        let answer = match (is_body, said.as_str()) {
            (true, ".") => {
                is_body = false;
                script("SENT").unwrap_or("250 queued")
            }
            (true, _) => continue,
            (false, "DATA") => {
                is_body = script("DATA").is_none();
                script("DATA").unwrap_or("354 go")
            }
            (false, said) => script(said).unwrap_or("250 ok"),
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap_or_default();
    }
}

fn settings(port: u16) -> MailSettings {
    MailSettings {
        host: "127.0.0.1".to_owned(),
        port,
        security: SmtpSecurity::Plain,
        authority: None,
        login: None,
        from: "半鐘 <hansho@ops.example>".to_owned(),
        to: vec!["a@ops.example".to_owned(), "当番 <b@ops.example>".to_owned()],
        timeout_ms: 5_000,
        allow_private: true,
        formatter: MessageFormatter { language: Language::Ja, zone: TimeZone::UTC },
    }
}

fn lines(of: &Notification) -> Vec<String> {
    let mail = MailSink::new(&settings(25)).unwrap();
    let message = mail.message(of, Timestamp(1_000)).unwrap().formatted();
    String::from_utf8(message).unwrap().lines().map(str::to_owned).collect()
}

/// The headers before the first empty line, folded ones joined.
fn headers(of: &Notification) -> Vec<String> {
    let mut headers: Vec<String> = Vec::new();
    for line in lines(of).into_iter().take_while(|line| !line.is_empty()) {
        match headers.last_mut().filter(|_| line.starts_with(' ')) {
            Some(last) => last.push_str(&line),
            None => headers.push(line),
        }
    }
    headers
}

#[test]
fn a_mail_has_its_own_id_and_the_thread_of_its_incident() {
    let all = headers(&notification());
    let header = |name: &str| {
        let of = |line: &String| line.strip_prefix(&format!("{name}: ")).map(str::to_owned);
        let found: Vec<String> = all.iter().filter_map(of).collect();
        assert_eq!(found.len(), 1, "{name} in {all:?}");
        found[0].clone()
    };
    assert_eq!(header("Message-ID"), "<00ff-1@ops.example>");
    let thread = "<000000000000000000000000000000ff@ops.example>";
    assert_eq!((header("References"), header("In-Reply-To")), (thread.into(), thread.into()));
    assert_eq!(header("Auto-Submitted"), "auto-generated");
    assert_eq!(header("X-Alert-Incident"), "000000000000000000000000000000ff");
    assert_eq!((header("X-Alert-Severity"), header("X-Priority")), ("critical".into(), "1".into()));
    assert_eq!(header("Importance"), "high");
    assert_eq!(header("Date"), "Thu, 01 Jan 1970 00:00:01 +0000");
    assert!(header("To").contains("a@ops.example") && header("To").contains("<b@ops.example>"));
    assert!(header("Content-Type").starts_with("multipart/alternative"));
    assert!(header("Subject").starts_with("=?utf-8?b?"), "{}", header("Subject"));
}

/// Whatever an event says, it stays in its place.
#[test]
fn no_text_becomes_a_header_or_a_tag() {
    let nasty = "x\r\nBcc: evil@example\r\n\r\n<script>&\"'\u{202e}\0".repeat(200);
    let of = Notification {
        id: format!("1\r\n2>{}", "失".repeat(3)),
        facts: AlertFacts { alert: nasty.clone(), ..notification().facts },
        message: nasty.clone(),
        reading: nasty.clone(),
        by: Some(nasty.clone()),
        runbook: Some("javascript:alert(1)".to_owned()),
        ..notification()
    };
    let all = headers(&of);
    assert!(all.iter().all(|line| !line.starts_with("Bcc")), "{all:?}");
    assert!(all.contains(&"Message-ID: <1..2....@ops.example>".to_owned()), "{all:?}");
    assert!(lines(&of).iter().all(|line| line.len() <= 998), "RFC 5322 §2.1.1");
    let mail = MailSink::new(&settings(25)).unwrap();
    let html = mail.html(&of);
    assert!(!html.contains("<script") && !html.contains("href=\"javascript"), "{html}");
    assert!(mail.text(&of).lines().all(|line| !line.starts_with("Bcc")));
    let subject = cut(&mail.formatter.title(&of), SUBJECT_MAX);
    assert_eq!(subject.chars().count(), SUBJECT_MAX);
    let runbook = Some("https://wiki.example/?a=1&b=2".to_owned());
    let html = mail.html(&Notification { runbook, ..notification() });
    assert!(html.contains("<a href=\"https://wiki.example/?a=1&amp;b=2\">"), "{html}");
}

#[tokio::test]
async fn what_the_server_answers_decides() {
    const REFUSED: &str = "550 5.1.1 unknown\u{202e} hunter";
    let cases: [(MailScript, &str); 9] = [
        (|_| None, "sent"),
        (|said| (said == "SENT").then_some("451 later"), "retry server"),
        (|said| (said == "CONNECT").then_some("421 busy"), "retry server"),
        (|said| (said == "SENT").then_some("552 too large"), "reject too_large"),
        (|said| (said == "SENT").then_some("554 no"), "reject client"),
        (|said| said.starts_with("RCPT TO:<a@").then_some(REFUSED), "sent"),
        (|said| said.starts_with("RCPT").then_some(REFUSED), "reject client"),
        (|said| said.starts_with("MAIL").then_some("530 log in"), "retry auth"),
        (|said| (said == "CONNECT").then_some("hang"), "retry timeout"),
    ];
    for (number, (script, want)) in cases.into_iter().enumerate() {
        let server = MailServer::start(script).await;
        let hangs = want == "retry timeout";
        let timeout_ms = if hangs { 200 } else { 30_000 };
        let mail = MailSink::new(&MailSettings { timeout_ms, ..settings(server.port) }).unwrap();
        let got = match mail.deliver(&notification(), None, Timestamp(0)).await {
            DeliveryResult::Sent { .. } => "sent".to_owned(),
            DeliveryResult::Retry { reason, why, .. } => {
                assert!(why.starts_with("127.0.0.1:"), "{why}");
                format!("retry {}", reason.name())
            }
            DeliveryResult::Reject { reason, why } => {
                assert!(!why.contains('\u{202e}'), "{why}");
                format!("reject {}", reason.name())
            }
        };
        assert_eq!(got, want, "case {number}");
    }
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let mail = MailSink::new(&settings(closed)).unwrap();
    let DeliveryResult::Retry { reason, .. } =
        mail.deliver(&notification(), None, Timestamp(0)).await
    else {
        panic!("nobody listens there");
    };
    assert_eq!(reason, FailureReason::Network);
}

#[tokio::test]
async fn recipients_that_are_known_get_it_where_others_are_refused() {
    let server =
        MailServer::start(|said| said.starts_with("RCPT TO:<a@").then_some("550 unknown")).await;
    let mail = MailSink::new(&settings(server.port)).unwrap();
    let sent = mail.deliver(&notification(), None, Timestamp(0)).await;
    assert_eq!(sent, DeliveryResult::Sent { receipt: None });
    assert_eq!(server.received("DATA").len(), 1);
    assert!(!server.received("EHLO ops.example").is_empty());
}

/// Without TLS nothing is sent, neither a password nor what happened.
#[tokio::test]
async fn what_should_be_private_is_never_sent_in_clear() {
    let server = MailServer::start(|_| None).await;
    let of = MailSettings {
        security: SmtpSecurity::StartTls,
        login: Some(("u".to_owned(), SecretText::new("hunter2"))),
        ..settings(server.port)
    };
    let result = MailSink::new(&of).unwrap().deliver(&notification(), None, Timestamp(0)).await;
    let DeliveryResult::Retry { why, .. } = result else { panic!("{result:?}") };
    assert!(!why.contains("hunter"), "{why}");
    assert!(server.received("AUTH").is_empty() && server.received("MAIL").is_empty());
    let plain = MailSettings { security: SmtpSecurity::Plain, ..of.clone() };
    let error = MailSink::new(&plain).err().unwrap().to_string();
    assert!(error.contains("in clear") && !error.contains("hunter"), "{error}");
    let shown = format!("{of:?} {of:#?}");
    assert!(!shown.contains("hunter"), "{shown}");
}

#[tokio::test]
async fn private_addresses_are_not_called_unless_allowed() {
    let server = MailServer::start(|_| None).await;
    for host in ["127.0.0.1", "localhost", "::1"] {
        let of =
            MailSettings { host: host.to_owned(), allow_private: false, ..settings(server.port) };
        let result = MailSink::new(&of).unwrap().deliver(&notification(), None, Timestamp(0)).await;
        let DeliveryResult::Retry { why, .. } = result else { panic!("{result:?}") };
        assert!(why.contains("allow_private"), "{why}");
    }
    assert!(server.received("").is_empty());
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let refused = |of: MailSettings| MailSink::new(&of).err().unwrap().to_string();
    let many = vec!["a@b.example".to_owned(); RECIPIENTS_MAX + 1];
    assert!(refused(MailSettings { to: many, ..settings(1) }).contains("1 to 100"));
    assert!(refused(MailSettings { to: Vec::new(), ..settings(1) }).contains("1 to 100"));
    let to = vec!["a@b\r\nRCPT TO:<c@d>".to_owned()];
    assert!(refused(MailSettings { to, ..settings(1) }).contains("`to`"));
    let from = "nobody".to_owned();
    assert!(refused(MailSettings { from, ..settings(1) }).contains("`from`"));
    let of = MailSettings {
        authority: Some("no pem".to_owned()),
        security: SmtpSecurity::Tls,
        ..settings(1)
    };
    assert!(MailSink::new(&of).is_err());
}
