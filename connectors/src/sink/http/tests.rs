use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;
use crate::sink::json;
use crate::sink::tests::notification;

/// A server that keeps what it was sent and gives the same answer to everyone.
pub(in crate::sink) struct HttpReceiver {
    pub(in crate::sink) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

/// What a [`HttpReceiver`] does with a request.
#[derive(Clone)]
pub(in crate::sink) enum CannedAnswer {
    Bytes(Vec<u8>),
    /// Says nothing and keeps the connection.
    Hang,
    /// Begins an answer without an end.
    Endless,
    /// Closes the connection.
    Reset,
}

impl HttpReceiver {
    pub(in crate::sink) async fn start(answer: CannedAnswer) -> HttpReceiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone(), Arc::clone(&kept)));
            }
        });
        HttpReceiver { address, requests, task }
    }

    pub(in crate::sink) fn settings(&self) -> HttpSettings {
        HttpSettings {
            url: SecretText::new(format!("http://{}/hook?token=hunter1", self.address)),
            headers: vec![("authorization".to_owned(), SecretText::new("Bearer hunter2"))],
            timeout_ms: 60_000,
            allow_private: true,
        }
    }

    pub(in crate::sink) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for HttpReceiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, answer: CannedAnswer, kept: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    while !is_whole(&request) {
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&chunk[..count]),
        }
    }
    kept.lock().unwrap().push(String::from_utf8(request).unwrap());
    match answer {
        CannedAnswer::Bytes(bytes) => stream.write_all(&bytes).await.unwrap_or_default(),
        CannedAnswer::Hang => std::future::pending().await,
        CannedAnswer::Reset => {}
        CannedAnswer::Endless => {
            let head = b"HTTP/1.1 500 Oops\r\ncontent-length: 1073741824\r\n\r\n";
            let mut sent = stream.write_all(head).await;
            while sent.is_ok() {
                sent = stream.write_all(&[b'x'; 4096]).await;
            }
        }
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0)
}

pub(in crate::sink) fn answer(status: &str, headers: &str, body: &str) -> CannedAnswer {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    CannedAnswer::Bytes(text.into_bytes())
}

/// Posts the document with its id, as the sinks do.
async fn post(settings: &HttpSettings) -> DeliveryResult {
    let headers =
        [("content-type", "application/json".to_owned()), ("webhook-id", notification().id)];
    let client = HttpClient::new(settings).unwrap();
    client.post(&headers, json::render(&notification())).await
}

async fn deliver(receiver: &HttpReceiver) -> DeliveryResult {
    post(&receiver.settings()).await
}

/// The verdict as one text: `sent`, `retry [ms] why`, `reject why`.
fn verdict(result: DeliveryResult) -> String {
    match result {
        DeliveryResult::Sent { .. } => "sent".to_owned(),
        DeliveryResult::Retry { why, after_ms: Some(ms), .. } => format!("retry {ms} {why}"),
        DeliveryResult::Retry { why, after_ms: None, .. } => format!("retry {why}"),
        DeliveryResult::Reject { why, .. } => format!("reject {why}"),
    }
}

#[tokio::test]
async fn the_status_decides() {
    for (status, headers, expect) in [
        ("200 OK", "", "sent"),
        ("204 No Content", "", "sent"),
        ("500 Oops", "", "retry HOST answered 500 Internal Server Error: no"),
        ("503 Busy", "retry-after: 7\r\n", "retry 7000 HOST answered 503"),
        ("429 Slow", "retry-after: 0\r\n", "retry 0 HOST answered 429"),
        ("429 Slow", "retry-after: 4294967295\r\n", "retry 86400000 HOST answered 429"),
        ("429 Slow", "retry-after: soon\r\n", "retry HOST answered 429"),
        ("429 Slow", "retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "retry 0 HOST"),
        ("408 Late", "", "retry HOST answered 408"),
        ("425 Early", "", "retry HOST answered 425"),
        ("401 Who", "", "retry 300000 HOST answered 401"),
        ("403 No", "retry-after: 60\r\n", "retry 60000 HOST answered 403"),
        ("404 Where", "", "reject HOST answered 404 Not Found: no"),
        ("400 What", "", "reject HOST answered 400"),
        ("413 Much", "", "reject HOST answered 413"),
        ("302 There", "location: http://127.0.0.1:1/\r\n", "reject HOST answered 302"),
        ("307 There", "location: http://127.0.0.1:1/\r\n", "reject HOST answered 307"),
    ] {
        let body = if status.starts_with("204") { "" } else { "no" };
        let receiver = HttpReceiver::start(answer(status, headers, body)).await;
        let got = verdict(deliver(&receiver).await);
        let expect = expect.replace("HOST", &receiver.address.to_string());
        assert!(got.starts_with(&expect), "{status} {headers}: {got}");
        assert!(!got.contains("hunter"), "{got}");
        assert_eq!(receiver.requests().len(), 1, "one attempt: {status}");
    }
}

#[tokio::test]
async fn the_request_is_the_document_with_its_id() {
    let receiver = HttpReceiver::start(answer("200 OK", "", "")).await;
    assert_eq!(deliver(&receiver).await, DeliveryResult::Sent { receipt: None });
    let requests = receiver.requests();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    let lines: Vec<&str> = head.lines().collect();
    assert_eq!(lines[0], "POST /hook?token=hunter1 HTTP/1.1");
    for line in
        ["content-type: application/json", "webhook-id: 00ff-1", "authorization: Bearer hunter2"]
    {
        assert!(lines.contains(&line), "{line} in {head}");
    }
    assert_eq!(body, json::render(&notification()));
    let client = HttpClient::new(&receiver.settings()).unwrap();
    let bad = [("webhook-id", "a\nb".to_owned())];
    assert!(matches!(client.post(&bad, String::new()).await, DeliveryResult::Reject { .. }));
}

#[tokio::test]
async fn a_receiver_that_hangs_or_breaks_is_a_retry() {
    for faulty in
        [CannedAnswer::Hang, CannedAnswer::Reset, CannedAnswer::Bytes(b"SSH-2.0-x\r\n".to_vec())]
    {
        let receiver = HttpReceiver::start(faulty).await;
        let settings = HttpSettings { timeout_ms: 300, ..receiver.settings() };
        let got = verdict(post(&settings).await);
        let place = format!("retry {}: ", receiver.address);
        assert!(got.starts_with(&place) && !got.contains("hunter"), "{got}");
    }
    let receiver = HttpReceiver::start(CannedAnswer::Hang).await;
    let settings = receiver.settings();
    drop(receiver);
    let got = verdict(post(&HttpSettings { timeout_ms: 300, ..settings }).await);
    assert!(got.starts_with("retry "), "{got}");
}

#[tokio::test]
async fn of_a_huge_answer_little_is_read_and_less_is_shown() {
    let receiver = HttpReceiver::start(CannedAnswer::Endless).await;
    let DeliveryResult::Retry { why, .. } = deliver(&receiver).await else {
        panic!("500 is no success");
    };
    assert!(why.ends_with(&"x".repeat(SHOWN_ANSWER_BYTES)) && why.len() < 400, "{why}");
    let receiver = HttpReceiver::start(answer("404 No", "", "\u{1b}[31m\r\nred")).await;
    let got = verdict(deliver(&receiver).await);
    assert!(got.ends_with(r"\u{1b}[31m\r\nred"), "{got}");
}

#[tokio::test]
async fn private_addresses_are_not_called_unless_allowed() {
    let receiver = HttpReceiver::start(answer("200 OK", "", "")).await;
    let port = receiver.address.port();
    for host in ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433", "10.0.0.1"] {
        let url = SecretText::new(format!("http://{host}:{port}/"));
        let settings = HttpSettings { url, allow_private: false, ..receiver.settings() };
        let Err(error) = HttpClient::new(&settings) else {
            panic!("{host} was taken");
        };
        assert!(error.to_string().contains("allow_private"), "{error}");
    }
    let url = SecretText::new(format!("http://localhost:{port}/"));
    let settings = HttpSettings { url, allow_private: false, ..receiver.settings() };
    let got = verdict(post(&settings).await);
    assert!(got.starts_with("retry localhost:") && got.contains("allow_private"), "{got}");
    assert!(receiver.requests().is_empty());
    for url in ["ftp://example.com/", "file:///etc/passwd", "example.com", "", "http://"] {
        let settings = HttpSettings { url: SecretText::new(url), ..receiver.settings() };
        assert!(HttpClient::new(&settings).is_err(), "{url}");
    }
    let headers = vec![("bad name".to_owned(), SecretText::new("x"))];
    assert!(HttpClient::new(&HttpSettings { headers, ..receiver.settings() }).is_err());
}

#[test]
fn addresses_of_this_machine_and_local_networks_are_private() {
    let private = "127.0.0.1 127.9.9.9 0.0.0.0 10.1.2.3 172.16.0.1 172.31.255.255 192.168.0.1 \
                   169.254.169.254 100.64.0.1 192.0.0.8 198.18.0.1 224.0.0.1 255.255.255.255 \
                   ::1 :: fe80::1 fc00::1 fd12::1 fec0::1 ff02::1 ::ffff:10.0.0.1 ::127.0.0.1 \
                   64:ff9b::7f00:1 64:ff9b:1::1 2002:7f00:1:: 2001:db8::1 2001::1 100::1";
    for text in private.split_whitespace() {
        assert!(is_private(text.parse().unwrap()), "{text}");
    }
    let public = "1.1.1.1 8.8.8.8 172.32.0.1 100.128.0.1 192.0.1.1 198.20.0.1 223.255.255.1 \
                  2606:4700::1111 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::";
    for text in public.split_whitespace() {
        assert!(!is_private(text.parse().unwrap()), "{text}");
    }
}

#[test]
fn a_date_is_counted_from_now() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 - 90);
    let wait = |text: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(text).unwrap());
        retry_after_ms(&headers, now)
    };
    assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(90_000));
    assert_eq!(wait("Sun, 06 Nov 1994 08:40:00 GMT"), Some(0));
    assert_eq!(wait("Sat, 06 Nov 2094 08:49:37 GMT"), Some(RETRY_AFTER_MAX_MS));
    assert_eq!(wait(" 120 "), Some(120_000));
    assert_eq!(wait("-5"), None);
    assert_eq!(wait("12.5"), None);
    assert_eq!(retry_after_ms(&HeaderMap::new(), now), None);
}
