use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use runtime::telemetry::NodeTelemetry;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::app_state::{AppState, ReloadRules};
use crate::console;
use crate::openapi::{self, generate};
use crate::routes::request::wall_clock;
use crate::serve::{api, serve};

/// Status, header lines and body of one request.
fn request(to: SocketAddr, path: &str) -> (u16, String, String) {
    send(to, "GET", path, "")
}

fn send(to: SocketAddr, method: &str, path: &str, headers: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(to).unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: hansho\r\n{headers}");
    write!(stream, "{head}Content-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_owned(), body.to_owned())
}

fn state() -> Arc<AppState> {
    Arc::new(AppState::new(Arc::new(NodeTelemetry::new())))
}

/// Runs `client` against served pages, then stops the server and waits for its end.
fn with_server(state: &Arc<AppState>, client: impl FnOnce(SocketAddr)) {
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = runtime.spawn(serve(listener, Arc::clone(state), async {
        stopped.await.unwrap();
    }));
    client(address);
    stop.send(()).unwrap();
    runtime.block_on(server).unwrap().unwrap();
    assert!(TcpStream::connect(address).is_err(), "it still listens");
}

#[test]
fn health_pages_answer_with_status_and_reason() {
    let state = state();
    with_server(&state, |to| {
        let check = |path, want: (u16, &str)| {
            let (status, _, body) = request(to, path);
            assert_eq!((status, body.as_str()), want, "{path}");
        };
        check("/livez", (200, "ok\n"));
        check("/readyz", (503, "no partitions are assigned yet\n"));
        state.telemetry.health.record_assigned();
        state.telemetry.health.record_caught_up();
        state.telemetry.health.record_reported(wall_clock());
        check("/readyz", (200, "ok\n"));
        check("/nowhere", (404, ""));
    });
}

#[test]
fn a_client_that_never_finishes_does_not_hold_up_the_end() {
    let state = state();
    let mut held = None;
    with_server(&state, |to| {
        let mut stream = TcpStream::connect(to).unwrap();
        write!(stream, "GET /livez HTTP/1.1\r\n").unwrap();
        assert_eq!(request(to, "/livez").0, 200);
        held = Some(stream);
    });
    assert!(held.is_some());
}

#[test]
fn metrics_are_served_as_open_metrics() {
    let state = state();
    state.telemetry.metrics.record_lost(3);
    with_server(&state, |to| {
        let (status, head, body) = request(to, "/metrics");
        assert_eq!(status, 200);
        assert!(head.to_ascii_lowercase().contains("content-type: application/openmetrics-text"));
        assert!(body.contains("\nhansho_records_lost_total 3\n"), "{body}");
        assert!(body.ends_with("# EOF\n"), "{body}");
    });
}

#[test]
fn rules_are_served_as_json() {
    with_server(&state(), |to| {
        let (status, head, body) = request(to, "/rules");
        assert!(status == 200 && head.contains("application/json"), "{head}");
        assert_eq!(body, "{\"rules\":[]}");
    });
}

/// Rules that can be reloaded once.
#[derive(Debug, Default)]
struct OneReload(std::sync::atomic::AtomicBool);

impl ReloadRules for OneReload {
    fn reload(&self, by: &'static str) -> Result<String, String> {
        match self.0.swap(true, std::sync::atomic::Ordering::Relaxed) {
            false => Ok(format!("reloaded by {by}")),
            true => Err("a.rules:1: no rule".to_owned()),
        }
    }
}

#[test]
fn a_reload_answers_with_its_report_or_the_reasons() {
    let post = |to, want: (u16, &str)| {
        let (status, _, body) = send(to, "POST", "/-/reload", "");
        assert_eq!((status, body.as_str()), want);
    };
    with_server(&state(), |to| post(to, (404, "rules and configuration are read once\n")));
    let reload: Option<Arc<dyn ReloadRules>> = Some(Arc::new(OneReload::default()));
    let state = AppState { reload, ..AppState::new(Arc::new(NodeTelemetry::new())) };
    with_server(&Arc::new(state), |to| {
        assert_eq!(request(to, "/-/reload").0, 405);
        post(to, (200, "reloaded by api\n"));
        post(to, (400, "a.rules:1: no rule\n"));
    });
}

#[test]
fn a_node_that_does_not_run_yet_is_unavailable() {
    let state = state();
    with_server(&state, |to| {
        let want = "{\"error\":\"the service is starting or stopping; try again\"}\n";
        let check = || {
            let (status, head, body) = request(to, "/api/v1/status");
            assert_eq!((status, body.as_str()), (503, want));
            assert!(head.contains("application/json"), "{head}");
        };
        check();
        let (requests, inbox) = runtime::notify::channel::channel();
        state.on_call.connect(requests);
        drop(inbox);
        check();
    });
}

/// The document is the one that the types make, the one that is written down, the one that is
/// served, and that of the routes there are.
#[test]
fn the_api_is_generated_documented_and_served_alike() {
    let generated = generate::document();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
        std::fs::write(path, &generated).unwrap();
    }
    assert!(generated == openapi::DOCUMENT, "run UPDATE_GOLDEN=1 cargo test -p server, twice");
    let mut documented: Vec<&str> = generate::OPERATIONS.iter().map(|it| it.path).collect();
    documented.dedup();
    let served: Vec<&str> = api().into_iter().map(|(path, _)| path).collect();
    assert_eq!([documented, vec![openapi::PATH]].concat(), served);
    with_server(&state(), |to| {
        let (status, head, body) = request(to, openapi::PATH);
        assert!(status == 200 && head.contains("application/json"), "{head}");
        assert!(body == generated, "it serves another document");
        for path in served.iter().filter(|path| **path != openapi::PATH) {
            let actual =
                path.replace("{id}", "7").replace("{number}", "7").replace("{action}", "ack");
            for method in ["get", "post", "put", "delete"] {
                let mut known = generate::OPERATIONS.iter();
                let is_known = known.any(|it| it.path == *path && it.method == method);
                let (status, ..) = send(to, &method.to_uppercase(), &actual, "");
                assert_eq!(status != 405, is_known, "{method} {path} answers {status}");
            }
        }
    });
}

#[test]
fn the_console_shows_its_first_page_in_the_language_of_the_reader() {
    with_server(&state(), |to| {
        let check = |path: &str, headers: &str, language: &str| {
            let (status, head, body) = send(to, "GET", path, headers);
            assert_eq!(status, 200, "{path}");
            assert!(body.contains(&format!("<html lang=\"{language}\">")), "{path} {body}");
            let head = head.to_ascii_lowercase();
            for want in [
                "content-type: text/html; charset=utf-8".to_owned(),
                format!("content-language: {language}"),
                format!("content-security-policy: {}", console::POLICY.to_ascii_lowercase()),
                "x-content-type-options: nosniff".to_owned(),
                "referrer-policy: no-referrer".to_owned(),
                "vary: accept-language".to_owned(),
            ] {
                assert!(head.contains(&want), "{want} in {head}");
            }
            body
        };
        let page = check("/", "", "en");
        assert!(page.contains(&format!("version {}", env!("CARGO_PKG_VERSION"))), "{page}");
        check("/", "Accept-Language: ja,en;q=0.5\r\n", "ja");
        check("/?lang=en", "Accept-Language: ja\r\n", "en");
        for page in [page, check("/?lang=ja", "", "ja")] {
            assert!(!page.contains("<script") && !page.contains("style="), "{page}");
            assert!(!page.contains("{version}") && !page.contains("://"), "{page}");
            let links: Vec<&str> = page.split("href=\"").skip(1).collect();
            let links = links.iter().filter_map(|it| it.split('"').next());
            let links: Vec<&str> = links.collect();
            for wanted in ["/rules", "/metrics", "/api/v1/status", console::STYLE_PATH] {
                assert!(links.contains(&wanted), "{wanted} in {links:?}");
            }
            // Every link leads somewhere.
            links.iter().for_each(|link| assert_ne!(request(to, link).0, 404, "{link}"));
        }
        let (status, head, _) = request(to, console::STYLE_PATH);
        assert!(status == 200 && head.contains("text/css"), "{head}");
    });
}
