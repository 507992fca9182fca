//! The hansho binary as a process: started, watched, killed and started again.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::child_guard::ChildGuard;

/// One try to reach the service over HTTP; loopback answers or refuses at once.
const HTTP_MAX: Duration = Duration::from_secs(2);

/// Time to wait for news before asking a service that is not ready once more.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// A program with a home folder that outlives its processes: configuration, state and logs
/// stay when it is killed, so a restart meets what a crash left.
pub struct ServiceHome {
    program: PathBuf,
    home: TempDir,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    lines: Arc<OutputLines>,
    running: Option<RunningService>,
}

struct RunningService {
    process: Child,
    leash: ChildGuard,
}

/// Lines that the program wrote to standard output and standard error, over all its runs.
#[derive(Default)]
struct OutputLines {
    written: Mutex<Vec<String>>,
    grew: Condvar,
}

impl ServiceHome {
    /// A program that is not started yet, with an empty home folder.
    ///
    /// # Errors
    /// When no temporary folder can be made.
    pub fn new(program: impl Into<PathBuf>) -> io::Result<ServiceHome> {
        Ok(ServiceHome {
            program: program.into(),
            home: TempDir::with_prefix("hansho-service-")?,
            arguments: Vec::new(),
            environment: Vec::new(),
            lines: Arc::default(),
            running: None,
        })
    }

    /// A hansho that runs with this configuration; `{home}` in it becomes the home folder.
    ///
    /// # Errors
    /// When the configuration cannot be written or the binary not be started.
    pub fn run(binary: impl Into<PathBuf>, config: &str) -> io::Result<ServiceHome> {
        let mut service = ServiceHome::new(binary)?;
        let path = service.home().join("hansho.toml");
        let home = service.home().display().to_string();
        std::fs::write(&path, config.replace("{home}", &home))?;
        service.start(&["run", "--config", &path.display().to_string()])?;
        Ok(service)
    }

    /// The folder the program works in.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Sets a variable of the environment for every start from now on.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Starts the program in its home folder. One that runs already is killed first.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&mut self, arguments: &[&str]) -> io::Result<()> {
        self.arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        self.restart()
    }

    /// Starts the program again, as before and with the same home folder.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill9();
        let mut process = Command::new(&self.program)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let leash = ChildGuard::tie(process.id(), self.home.path())?;
        if let Some(stdout) = process.stdout.take() {
            self.lines.follow(stdout);
        }
        if let Some(stderr) = process.stderr.take() {
            self.lines.follow(stderr);
        }
        self.running = Some(RunningService { process, leash });
        Ok(())
    }

    /// Ends the process at once (SIGKILL), as a crash would.
    pub fn kill9(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.process.kill();
            let _ = running.process.wait();
            drop(running.leash);
        }
    }

    /// Asks the process to end (SIGTERM) and waits for it. Nothing when it does not run or
    /// is still there after `wait`; it is killed then.
    pub fn terminate(&mut self, wait: Duration) -> Option<ExitStatus> {
        self.process_id()?;
        self.signal("TERM");
        self.wait_for_exit(wait)
    }

    /// Sends the process a signal by name, as in `HUP`; nothing when it does not run.
    pub fn signal(&self, name: &str) {
        if let Some(id) = self.process_id() {
            let _ = Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status();
        }
    }

    /// Waits until the process has ended by itself. Nothing when it does not run or is still
    /// there after `wait`; it is killed then.
    pub fn wait_for_exit(&mut self, wait: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + wait;
        let mut running = self.running.take()?;
        loop {
            if let Ok(Some(status)) = running.process.try_wait() {
                return Some(status);
            }
            if Instant::now() >= deadline {
                self.running = Some(running);
                self.kill9();
                return None;
            }
            self.lines.wait_for_news(ASK_AGAIN);
        }
    }

    /// The process id, while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.process.id())
    }

    /// All lines written so far, of both outputs and of all lives.
    pub fn lines(&self) -> Vec<String> {
        self.lines.all()
    }

    /// Waits for a line that contains `part` and returns it.
    ///
    /// # Errors
    /// When there is none after `wait`: everything that was written.
    pub fn wait_for_line(&self, part: &str, wait: Duration) -> Result<String, String> {
        self.lines.wait_for(part, wait)
    }

    /// Waits until `GET path` at `address` (`host:port`) answers 200.
    ///
    /// # Errors
    /// When it has not after `wait`, or the process has ended: everything that was written.
    pub fn wait_for_ok(&mut self, address: &str, path: &str, wait: Duration) -> Result<(), String> {
        let deadline = Instant::now() + wait;
        while Instant::now() < deadline {
            if matches!(get(address, path), Ok((200, _))) {
                return Ok(());
            }
            if let Some(running) = self.running.as_mut()
                && let Ok(Some(status)) = running.process.try_wait()
            {
                return Err(format!("ended with {status}\n{}", self.lines().join("\n")));
            }
            self.lines.wait_for_news(ASK_AGAIN);
        }
        Err(format!("GET {path} never answered 200\n{}", self.lines().join("\n")))
    }
}

impl Drop for ServiceHome {
    fn drop(&mut self) {
        self.kill9();
    }
}

impl OutputLines {
    /// Reads a stream to its end on a thread of its own.
    fn follow(self: &Arc<OutputLines>, stream: impl Read + Send + 'static) {
        let lines = Arc::clone(self);
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n') {
                let Ok(line) = line else { return };
                let line = String::from_utf8_lossy(&line).into_owned();
                lines.written.lock().unwrap_or_else(|e| e.into_inner()).push(line);
                lines.grew.notify_all();
            }
        });
    }

    fn all(&self) -> Vec<String> {
        self.written.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }

    fn wait_for(&self, part: &str, wait: Duration) -> Result<String, String> {
        let found = |written: &[String]| written.iter().find(|line| line.contains(part)).cloned();
        let written = self.written.lock().unwrap_or_else(|e| e.into_inner());
        let (written, _) = self
            .grew
            .wait_timeout_while(written, wait, |written| found(written).is_none())
            .unwrap_or_else(|e| e.into_inner());
        found(&written).ok_or_else(|| format!("no line with {part:?} in:\n{}", written.join("\n")))
    }

    /// Returns at the next line, or after `wait`.
    fn wait_for_news(&self, wait: Duration) {
        let written = self.written.lock().unwrap_or_else(|e| e.into_inner());
        drop(self.grew.wait_timeout(written, wait));
    }
}

/// A loopback port that was free a moment ago, for a configuration that has to name one.
///
/// # Errors
/// When none can be bound.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// One HTTP GET: the status and the body.
///
/// # Errors
/// When the address cannot be reached or does not answer in HTTP.
pub fn get(address: &str, path: &str) -> io::Result<(u16, String)> {
    ask(address, &format!("GET {path} HTTP/1.1"))
}

/// One HTTP POST without a body: the status and the body of the answer.
///
/// # Errors
/// As [`get`].
pub fn post(address: &str, path: &str) -> io::Result<(u16, String)> {
    ask(address, &format!("POST {path} HTTP/1.1\r\nContent-Length: 0"))
}

/// One HTTP POST of a text: the status and the body of the answer.
///
/// # Errors
/// As [`get`].
pub fn post_text(address: &str, path: &str, text: &str) -> io::Result<(u16, String)> {
    send(address, &format!("POST {path} HTTP/1.1\r\nContent-Length: {}", text.len()), text)
}

fn ask(address: &str, head: &str) -> io::Result<(u16, String)> {
    send(address, head, "")
}

fn send(address: &str, head: &str, body: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(HTTP_MAX))?;
    write!(stream, "{head}\r\nHost: {address}\r\nConnection: close\r\n\r\n{body}")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let code = answer.split_whitespace().nth(1).and_then(|word| word.parse().ok());
    let status = code.ok_or_else(|| io::Error::other("no HTTP status in the answer"))?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((status, body.to_owned()))
}

#[cfg(test)]
mod tests;
