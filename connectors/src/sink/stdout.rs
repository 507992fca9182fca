//! Standard output sink: one line of JSON per notification.

use std::io::{self, Write};

use model::notification::{DeliveryResult, FailureReason, Notification};
use model::time::Timestamp;
use serde::Deserialize;

use super::{
    DeliveryFuture, ResolvedSink, Sink, SinkConfig, SinkContext, SinkError, SinkKind, SinkSettings,
    json,
};

pub(super) static KIND: SinkKind = SinkKind::new::<StdoutSettings>("stdout");

/// Keys and settings of the sink: none.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct StdoutSettings {}

/// Standard output as a sink.
struct StdoutSink;

impl SinkConfig for StdoutSettings {
    fn resolve(&self, _context: &SinkContext<'_>) -> Result<ResolvedSink, SinkError> {
        Ok(ResolvedSink::new(self.clone()))
    }
}

impl SinkSettings for StdoutSettings {
    fn open(&self) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(StdoutSink))
    }
}

impl Sink for StdoutSink {
    fn deliver<'a>(
        &'a self,
        notification: &'a Notification,
        _receipt: Option<&'a str>,
        _now: Timestamp,
    ) -> DeliveryFuture<'a> {
        let result = match print(&json::render(notification)) {
            Ok(()) => DeliveryResult::Sent { receipt: None },
            Err(error) => DeliveryResult::Retry {
                reason: FailureReason::Server,
                why: format!("standard output: {error}"),
                after_ms: None,
            },
        };
        Box::pin(std::future::ready(result))
    }

    fn preview(&self, notification: &Notification) -> String {
        json::render(notification)
    }
}

fn print(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::tests::notification;

    #[tokio::test]
    async fn a_line_is_printed() {
        let sink = StdoutSettings {}.open().unwrap();
        let sent = sink.deliver(&notification(), None, Timestamp(0)).await;
        assert_eq!(sent, DeliveryResult::Sent { receipt: None });
        assert_eq!(sink.preview(&notification()), json::render(&notification()));
    }
}
