use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{HttpRecorder, RecorderAnswer};

const SOON: Duration = Duration::from_secs(10);

/// Sends raw requests over one connection and returns all that came back.
fn exchange(recorder: &HttpRecorder, requests: &str) -> String {
    let mut stream = TcpStream::connect(recorder.address).unwrap();
    stream.write_all(requests.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said
}

fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\nX-Id: 7\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_request_is_kept_whole_and_in_order() {
    let recorder = HttpRecorder::start().unwrap();
    let said = exchange(&recorder, &(post("/a?b=1", "火") + &post("/c", "")));
    assert_eq!(said.matches("HTTP/1.1 200").count(), 2);

    let requests = recorder.wait_for(2, SOON).unwrap();
    let seen: Vec<_> = requests.iter().map(|r| (r.path.as_str(), r.text(), r.answered)).collect();
    assert_eq!(seen, [("/a?b=1", "火".to_owned(), 200), ("/c", String::new(), 200)]);
    assert_eq!(requests[0].method, "POST");
    assert_eq!(requests[0].header("x-id"), Some("7"));
    assert_eq!(requests[0].header("x-none"), None);
}

#[test]
fn chunks_are_joined() {
    let recorder = HttpRecorder::start().unwrap();
    let head = "PUT /k HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    exchange(&recorder, &format!("{head}3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"));
    assert_eq!(recorder.wait_for(1, SOON).unwrap()[0].text(), "abcde");
}

#[test]
fn answers_follow_the_script_and_then_the_standing_one() {
    let recorder = HttpRecorder::start().unwrap();
    recorder.answer(RecorderAnswer::Status(500));
    recorder.script([RecorderAnswer::RetryAfter(429, 3), RecorderAnswer::Status(204)]);
    let cases = [("429", "Retry-After: 3"), ("204", ""), ("500", ""), ("500", "")];
    for (status, header) in cases {
        let said = exchange(&recorder, &post("/", "x"));
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{said}");
        assert!(said.contains(header), "{said}");
    }
    recorder.answer(RecorderAnswer::Close);
    assert_eq!(exchange(&recorder, &post("/", "x")), "");
    let answered: Vec<u16> = recorder.requests().iter().map(|r| r.answered).collect();
    assert_eq!(answered, [429, 204, 500, 500, 0]);
}

#[test]
fn waiting_in_vain_returns_what_there_is() {
    let recorder = HttpRecorder::start().unwrap();
    exchange(&recorder, &post("/only", ""));
    assert_eq!(recorder.wait_for(2, Duration::from_millis(1)).unwrap_err().len(), 1);
}

#[test]
fn what_is_no_request_is_not_recorded() {
    let recorder = HttpRecorder::start().unwrap();
    let cases = [
        "",
        "\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ];
    for case in cases {
        assert_eq!(exchange(&recorder, case), "", "{case:?}");
    }
    assert!(recorder.requests().is_empty());
}
