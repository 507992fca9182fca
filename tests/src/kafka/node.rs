//! One real Kafka node (KRaft: broker and controller in one process) on loopback.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::artifacts::{self, KafkaArtifacts};
use super::client;
use super::error::StartError;
use crate::child_guard::ChildGuard;

/// Time that a node may take to answer its first metadata request; it took 2.3 s on two cores.
const READY_MAX: Duration = Duration::from_secs(60);

/// One metadata request's share of that, so that a node that died is noticed soon.
const ASK_MAX: Duration = Duration::from_millis(500);

/// Ports are picked free and then given back for Kafka to bind; another process may be
/// quicker, so a start is tried this often.
const ATTEMPTS_MAX: usize = 3;

/// Any 16 bytes in URL-safe Base64 do; each node stands alone.
const CLUSTER_ID: &str = "aGFuc2hvLXRlc3RzLTAwMQ";

/// Small heap, one collector thread, first compiler tier: two cores start it in 2 to 3 s
/// where the defaults take twice that.
const JVM: [&str; 3] = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/// A running node and all it wrote; both are gone when this is dropped.
#[derive(Debug)]
pub struct RealKafka {
    artifacts: KafkaArtifacts,
    home: TempDir,
    port: u16,
    ready_in: Duration,
    running: Option<BrokerProcess>,
}

/// INVARIANT: the leash is untied only after the process was waited for.
#[derive(Debug)]
struct BrokerProcess {
    process: Child,
    leash: ChildGuard,
}

impl RealKafka {
    /// Fetches Kafka if need be, formats storage, starts one node and waits until it answers.
    ///
    /// # Errors
    /// When Java or Maven is missing, or a step fails; the reason quotes what the step said.
    pub fn start() -> Result<RealKafka, StartError> {
        let artifacts = artifacts::fetch()?;
        let mut refused = None;
        for _ in 0..ATTEMPTS_MAX {
            match RealKafka::start_once(&artifacts) {
                Err(StartError::Ended(said)) if said.contains("BindException") => {
                    refused = Some(StartError::Ended(said));
                }
                settled => return settled,
            }
        }
        Err(refused.unwrap_or(StartError::Silent(READY_MAX)))
    }

    fn start_once(artifacts: &KafkaArtifacts) -> Result<RealKafka, StartError> {
        let home = TempDir::with_prefix("hansho-kafka-")
            .map_err(|error| StartError::Folder(std::env::temp_dir(), error))?;
        let (port, controller) = free_ports()?;
        let here = |error| StartError::Folder(home.path().to_path_buf(), error);
        fs::write(home.path().join("log4j2.properties"), LOGGING).map_err(here)?;
        let properties = server_properties(port, controller, &home.path().join("log"));
        fs::write(home.path().join("server.properties"), properties).map_err(here)?;
        format_storage(artifacts, home.path())?;

        let mut node = RealKafka {
            artifacts: artifacts.clone(),
            home,
            port,
            ready_in: Duration::ZERO,
            running: None,
        };
        node.restart()?;
        Ok(node)
    }

    /// Ends the node at once, as a machine that lost power; its log stays for `restart`.
    pub fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.process.kill();
            let _ = running.process.wait();
            drop(running.leash);
        }
    }

    /// Starts the node on the same port with the same log, and waits until it answers.
    ///
    /// # Errors
    /// When it ends or stays silent past a minute.
    pub fn restart(&mut self) -> Result<(), StartError> {
        self.stop();
        let began = Instant::now();
        let here = |error| StartError::Folder(self.home.path().to_path_buf(), error);
        let said = File::create(self.home.path().join("said")).map_err(here)?;
        let process = java(&self.artifacts, self.home.path())
            .args(["kafka.Kafka", "server.properties"])
            .stdin(Stdio::null())
            .stdout(said.try_clone().map_err(here)?)
            .stderr(said)
            .spawn()
            .map_err(|error| StartError::Missing("java", error.to_string()))?;
        let leash = ChildGuard::tie(process.id(), self.home.path()).map_err(here)?;
        self.running = Some(BrokerProcess { process, leash });
        self.wait_until_it_answers(began + READY_MAX)?;
        self.ready_in = began.elapsed();
        Ok(())
    }

    /// Asks for metadata until there is a broker in the answer. The client connects again by
    /// itself as long as a request stands, so nothing here sleeps.
    fn wait_until_it_answers(&mut self, deadline: Instant) -> Result<(), StartError> {
        let asking = client::reader(&self.bootstrap(), "hansho-harness")?;
        while Instant::now() < deadline {
            if let Some(running) = self.running.as_mut()
                && let Ok(Some(_)) = running.process.try_wait()
            {
                self.running = None;
                let said = fs::read_to_string(self.home.path().join("said")).unwrap_or_default();
                return Err(StartError::Ended(artifacts::tail(&said)));
            }
            if client::has_broker(&asking, ASK_MAX) {
                return Ok(());
            }
        }
        Err(StartError::Silent(READY_MAX))
    }

    /// `host:port` for `bootstrap.servers`; the same before and after a restart.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Kafka's version, such as `4.4.0`.
    pub fn version(&self) -> &str {
        &self.artifacts.version
    }

    /// Time that the last start took, from the process's start to its first answer.
    pub fn ready_in(&self) -> Duration {
        self.ready_in
    }

    /// The node's process id, while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.process.id())
    }
}

impl Drop for RealKafka {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Log settings of Kafka: errors only, kept in the node's folder for the reason of a failed start.
const LOGGING: &str = include_str!("../../kafka/log4j2.properties");

/// Two loopback ports that were free a moment ago: clients' and controller's.
fn free_ports() -> Result<(u16, u16), StartError> {
    let bind = || TcpListener::bind(("127.0.0.1", 0)).map_err(StartError::Port);
    let (clients, controller) = (bind()?, bind()?);
    let port = |listener: &TcpListener| listener.local_addr().map_err(StartError::Port);
    Ok((port(&clients)?.port(), port(&controller)?.port()))
}

/// Settings of a node that stands alone: every internal topic has one replica, a first member
/// is not kept waiting for others, a dead one is noticed in seconds, and a broker that was
/// killed may register again soon.
fn server_properties(port: u16, controller: u16, log: &Path) -> String {
    let own = format!(
        "controller.quorum.voters=1@127.0.0.1:{controller}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
         log.dirs={}\n",
        log.display()
    );
    own + include_str!("../../kafka/server.properties")
}

/// Writes the cluster's identity into an empty log folder.
fn format_storage(artifacts: &KafkaArtifacts, home: &Path) -> Result<(), StartError> {
    let output = java(artifacts, home)
        .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", "server.properties"])
        .output()
        .map_err(|error| StartError::Missing("java", error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(StartError::Format(artifacts::last_lines(&output)))
}

/// A Java machine with Kafka's jars, at home in the node's folder.
fn java(artifacts: &KafkaArtifacts, home: &Path) -> Command {
    let mut command = Command::new("java");
    command
        .args(JVM)
        .arg("-Dlog4j2.configurationFile=log4j2.properties")
        .arg("-cp")
        .arg(artifacts.libs.join("*"))
        .current_dir(home);
    command
}
