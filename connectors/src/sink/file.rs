//! File sink: one line of JSON per notification, durable before it counts as sent.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use model::notification::{DeliveryResult, FailureReason, Notification};
use model::time::Timestamp;
use serde::Deserialize;

use super::{
    DeliveryFuture, ResolvedSink, Sink, SinkConfig, SinkContext, SinkError, SinkKind, SinkSettings,
    json,
};
use crate::journal::{Journal, JournalError};

pub(super) static KIND: SinkKind = SinkKind::new::<FileSettings>("file");

/// Keys and settings of the sink.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct FileSettings {
    /// Path of the file.
    pub path: PathBuf,
}

/// A file as a sink.
struct FileSink(Arc<Mutex<OpenFile>>);

struct OpenFile {
    path: PathBuf,
    /// `None` after a failure: reopening truncates a torn line.
    journal: Option<Journal>,
}

impl SinkConfig for FileSettings {
    fn resolve(&self, context: &SinkContext<'_>) -> Result<ResolvedSink, SinkError> {
        Ok(ResolvedSink::new(FileSettings { path: context.path(&self.path) }))
    }
}

impl SinkSettings for FileSettings {
    fn open(&self) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(FileSink::new(self)?))
    }
}

impl FileSink {
    fn new(settings: &FileSettings) -> Result<FileSink, SinkError> {
        let path = settings.path.clone();
        let journal = Journal::open_with(&path, |_| ()).map_err(SinkError::refused)?;
        Ok(FileSink(Arc::new(Mutex::new(OpenFile { path, journal: Some(journal) }))))
    }

    async fn append(&self, line: String) -> DeliveryResult {
        let shared = Arc::clone(&self.0);
        // On a blocking thread: fsync would block the tasks of other sinks.
        let written = tokio::task::spawn_blocking(move || {
            shared.lock().unwrap_or_else(PoisonError::into_inner).append(line.as_bytes())
        });
        let why = match written.await {
            Ok(Ok(())) => return DeliveryResult::Sent { receipt: None },
            Ok(Err(error)) => format!("file: {error}"),
            Err(error) => format!("file: {error}"),
        };
        DeliveryResult::Retry { reason: FailureReason::Server, why, after_ms: None }
    }
}

impl OpenFile {
    fn append(&mut self, line: &[u8]) -> Result<(), JournalError> {
        let mut journal = match self.journal.take() {
            Some(journal) => journal,
            None => Journal::open_with(&self.path, |_| ())?,
        };
        journal.append(line)?;
        journal.sync()?;
        self.journal = Some(journal);
        Ok(())
    }
}

impl Sink for FileSink {
    fn deliver<'a>(
        &'a self,
        notification: &'a Notification,
        _receipt: Option<&'a str>,
        _now: Timestamp,
    ) -> DeliveryFuture<'a> {
        Box::pin(self.append(json::render(notification)))
    }

    fn preview(&self, notification: &Notification) -> String {
        json::render(notification)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::sink::tests::notification;

    #[tokio::test]
    async fn a_file_has_each_notification_on_its_line_and_says_when_it_cannot() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        let sink = FileSink::new(&FileSettings { path: path.clone() }).unwrap();
        let deliver = async || sink.deliver(&notification(), None, Timestamp(0)).await;
        let line = json::render(&notification());
        assert_eq!(deliver().await, DeliveryResult::Sent { receipt: None });
        assert_eq!(deliver().await, DeliveryResult::Sent { receipt: None });
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{line}\n{line}\n"));

        {
            let mut file = sink.0.lock().unwrap();
            file.journal = None;
            file.path = folder.path().join("no/where");
        }
        let DeliveryResult::Retry { why, after_ms: None, .. } = deliver().await else {
            panic!("it was delivered nowhere");
        };
        assert!(why.contains("no/where"), "{why}");
        sink.0.lock().unwrap().path = path.clone();
        assert_eq!(deliver().await, DeliveryResult::Sent { receipt: None });
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
        assert!(FileSettings { path: folder.path().join("no/where") }.open().is_err());
    }
}
