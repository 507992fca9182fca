//! An HTTP server that remembers what it was sent: the far end of a webhook.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A body longer than this ends its connection, bytes.
const BODY_MAX: usize = 16 << 20;

/// One request, as it arrived.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    /// Instant at which its body was complete.
    pub at: Instant,
    /// Such as `POST`.
    pub method: String,
    /// Path and query, as sent.
    pub path: String,
    /// Names in lower case, in the order sent.
    pub headers: Vec<(String, String)>,
    /// The body's bytes; chunks are joined.
    pub body: Vec<u8>,
    /// The status it was answered with; 0 when it was left without an answer.
    pub answered: u16,
}

impl RecordedRequest {
    /// The first header of this name, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Answer to a request after it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecorderAnswer {
    /// A status without a body.
    Status(u16),
    /// A status and a `Retry-After` in seconds.
    RetryAfter(u16, u32),
    /// 200 and a text.
    Text(String),
    /// A status and a text.
    Words(u16, String),
    /// No answer: the connection is closed.
    Close,
    /// No answer, and the connection stays open until its client gives up.
    Hang,
    /// A status and the beginning of a body whose rest does not come while the client waits.
    Slow(u16),
    /// A status and a body that does not end while the client reads.
    Huge(u16),
}

/// A recording server on a free loopback port; it ends when dropped.
#[derive(Debug)]
pub struct HttpRecorder {
    shared: Arc<RecorderState>,
    address: SocketAddr,
    listening: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct RecorderState {
    book: Mutex<RequestLog>,
    grew: Condvar,
    closing: AtomicBool,
}

/// INVARIANT: `requests` only grows, in the order the bodies were complete.
#[derive(Debug)]
struct RequestLog {
    requests: Vec<RecordedRequest>,
    script: VecDeque<RecorderAnswer>,
    otherwise: RecorderAnswer,
}

impl HttpRecorder {
    /// Starts a server that answers 200.
    ///
    /// # Errors
    /// When no loopback port can be bound.
    pub fn start() -> io::Result<HttpRecorder> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let book = RequestLog {
            requests: Vec::new(),
            script: VecDeque::new(),
            otherwise: RecorderAnswer::Status(200),
        };
        let shared = Arc::new(RecorderState {
            book: Mutex::new(book),
            grew: Condvar::new(),
            closing: AtomicBool::new(false),
        });
        let for_listener = Arc::clone(&shared);
        let listening = thread::spawn(move || listen(&listener, &for_listener));
        Ok(HttpRecorder { shared, address, listening: Some(listening) })
    }

    /// `http://127.0.0.1:port` with this path (which starts with `/`).
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on every request is answered so, once what `script` holds is used up.
    pub fn answer(&self, answer: RecorderAnswer) {
        self.shared.book().otherwise = answer;
    }

    /// The next requests are answered so, one each.
    pub fn script(&self, answers: impl IntoIterator<Item = RecorderAnswer>) {
        self.shared.book().script.extend(answers);
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.book().requests.clone()
    }

    /// Waits until `count` requests have arrived and returns all there are.
    ///
    /// # Errors
    /// When there are fewer after `wait`: those there are.
    pub fn wait_for(
        &self,
        count: usize,
        wait: Duration,
    ) -> Result<Vec<RecordedRequest>, Vec<RecordedRequest>> {
        self.wait_until(wait, |requests| requests.len() >= count)
    }

    /// Waits until what has arrived satisfies `enough`, and returns it.
    ///
    /// # Errors
    /// When it does not after `wait`: what there is.
    pub fn wait_until(
        &self,
        wait: Duration,
        enough: impl Fn(&[RecordedRequest]) -> bool,
    ) -> Result<Vec<RecordedRequest>, Vec<RecordedRequest>> {
        let book = self.shared.book();
        let (book, _) = self
            .shared
            .grew
            .wait_timeout_while(book, wait, |book| !enough(&book.requests))
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let requests = book.requests.clone();
        if enough(&requests) { Ok(requests) } else { Err(requests) }
    }
}

impl Drop for HttpRecorder {
    /// Wakes the listener by a connection of its own, so that it sees the end.
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

impl RecorderState {
    fn book(&self) -> MutexGuard<'_, RequestLog> {
        self.book.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Writes a request down and says how to answer it.
    fn record(&self, mut request: RecordedRequest) -> RecorderAnswer {
        let mut book = self.book();
        let answer = book.script.pop_front().unwrap_or_else(|| book.otherwise.clone());
        request.answered = match answer {
            RecorderAnswer::Status(status)
            | RecorderAnswer::RetryAfter(status, _)
            | RecorderAnswer::Words(status, _)
            | RecorderAnswer::Slow(status)
            | RecorderAnswer::Huge(status) => status,
            RecorderAnswer::Text(_) => 200,
            RecorderAnswer::Close | RecorderAnswer::Hang => 0,
        };
        book.requests.push(request);
        self.grew.notify_all();
        answer
    }
}

/// One thread per connection; a connection's thread ends when its client closes it.
fn listen(listener: &TcpListener, shared: &Arc<RecorderState>) {
    for stream in listener.incoming() {
        if shared.closing.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        thread::spawn(move || converse(stream, &shared));
    }
}

/// Request after request on one connection, until it closes or says something unreadable.
fn converse(stream: TcpStream, shared: &RecorderState) {
    let Ok(mut answering) = stream.try_clone() else {
        return;
    };
    let mut reading = BufReader::new(stream);
    while let Ok(Some(request)) = read_request(&mut reading) {
        let is_last = request.header("connection").is_some_and(|value| value == "close");
        let mut body = String::new();
        let head = match shared.record(request) {
            RecorderAnswer::Status(status) => format!("HTTP/1.1 {status} Scripted\r\n"),
            RecorderAnswer::Text(text) => {
                body = text;
                "HTTP/1.1 200 Scripted\r\n".to_owned()
            }
            RecorderAnswer::Words(status, text) => {
                body = text;
                format!("HTTP/1.1 {status} Scripted\r\n")
            }
            RecorderAnswer::RetryAfter(status, seconds) => {
                format!("HTTP/1.1 {status} Scripted\r\nRetry-After: {seconds}\r\n")
            }
            RecorderAnswer::Close => return,
            RecorderAnswer::Hang => return wait_for_end(&mut reading),
            RecorderAnswer::Slow(status) => {
                let begun = answering.write_all(format!("{}{}", endless(status), "x").as_bytes());
                return if begun.is_ok() {
                    wait_for_end(&mut reading)
                };
            }
            RecorderAnswer::Huge(status) => {
                let mut sent = answering.write_all(endless(status).as_bytes());
                while sent.is_ok() {
                    sent = answering.write_all(&[b'x'; 4096]);
                }
                return;
            }
        };
        let answer = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        if answering.write_all(answer.as_bytes()).is_err() || is_last {
            return;
        }
    }
}

/// Reads until the client closes the connection.
fn wait_for_end(reading: &mut impl Read) {
    let mut chunk = [0; 256];
    while matches!(reading.read(&mut chunk), Ok(1..)) {}
}

/// The head of an answer that is said to be a GiB long.
fn endless(status: u16) -> String {
    format!("HTTP/1.1 {status} Scripted\r\nContent-Length: {}\r\n\r\n", 1 << 30)
}

/// Reads one HTTP/1.1 request; nothing at a clean end of the connection.
fn read_request(reading: &mut impl BufRead) -> io::Result<Option<RecordedRequest>> {
    let first = read_line(reading)?;
    let mut words = first.split_whitespace();
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let (method, path) = (method.to_owned(), path.to_owned());
    let mut headers = Vec::new();
    loop {
        let line = read_line(reading)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = RecordedRequest {
        at: Instant::now(),
        method,
        path,
        headers,
        body: Vec::new(),
        answered: 0,
    };
    let chunked = request.header("transfer-encoding").is_some_and(|value| value == "chunked");
    request.body = if chunked {
        read_chunks(reading)?
    } else {
        let length = request.header("content-length").map_or(Ok(0), str::parse);
        read_exactly(reading, length.map_err(io::Error::other)?)?
    };
    request.at = Instant::now();
    Ok(Some(request))
}

fn read_chunks(reading: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = read_line(reading)?;
        let digits = size.split(';').next().unwrap_or("").trim();
        let length = usize::from_str_radix(digits, 16).map_err(io::Error::other)?;
        body.extend(read_exactly(reading, length)?);
        read_line(reading)?;
        if length == 0 {
            return Ok(body);
        }
        if body.len() > BODY_MAX {
            return Err(io::Error::other("body too long"));
        }
    }
}

fn read_exactly(reading: &mut impl BufRead, length: usize) -> io::Result<Vec<u8>> {
    if length > BODY_MAX {
        return Err(io::Error::other("body too long"));
    }
    let mut bytes = vec![0; length];
    reading.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A line without its end; empty at the end of the connection.
fn read_line(reading: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    reading.take(64 << 10).read_until(b'\n', &mut line)?;
    Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests;
