//! Trying a receiver out, and showing what it would be sent.

use std::sync::Arc;

use model::message::Language;
use model::notification::{DeliveryResult, Notification};
use model::severity::Severity;
use oncall::desk::Refused;
use runtime::notify::requests::answers::{RenderedNotification, TestAttempt, TestResult};
use runtime::notify::requests::{
    OnCallAnswer, OnCallError, OnCallQuery, OnCallReply, OnCallRequest, find_incident,
};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::{Delivery, OnCall};
use crate::pipeline::clock::wall_clock;

impl OnCall {
    /// Answers a question: at once, or when a receiver has answered that is tried out.
    pub(super) fn answer(&mut self, request: OnCallRequest, language: Language, runtime: &Handle) {
        match request.query {
            OnCallQuery::TestReceiver { receiver, severity } => {
                match self.trial(&receiver, severity, &request.by, language) {
                    Ok((delivery, trial)) => {
                        runtime.spawn(try_out(receiver, delivery, trial, request.reply));
                    }
                    Err(refused) => drop(request.reply.send(Err(refused.into()))),
                }
            }
            OnCallQuery::RenderNotification { incident, receiver } => {
                drop(request.reply.send(self.render(&incident, &receiver)));
            }
            _ => request.answer(&mut self.desk, wall_clock()),
        }
    }

    fn trial(
        &mut self,
        receiver: &str,
        severity: Severity,
        by: &str,
        language: Language,
    ) -> Result<(Delivery, [Notification; 2]), Refused> {
        let message = match language {
            Language::En => format!("a test of {receiver} by {by}: nothing has happened"),
            Language::Ja => {
                format!("【テスト】{by} による {receiver} への送信テストです。対応は不要です")
            }
        };
        let (number, trial) = self.desk.trial(receiver, (severity, &message), by, wall_clock())?;
        let delivery = self.deliveries.get(number).cloned().ok_or(Refused::Unknown)?;
        Ok((delivery, trial))
    }

    fn render(&self, incident: &str, receiver: &str) -> OnCallReply {
        let incident = find_incident(&self.desk, incident)?.id;
        let (number, notification) = self.desk.rendition(incident, receiver, wall_clock())?;
        let shown = match self.deliveries.get(number) {
            Some(Delivery::Sink(sink)) => sink.preview(&notification),
            Some(Delivery::Console(console)) => console.render(&notification),
            None => return Err(OnCallError::from(Refused::Unknown)),
        };
        Ok(OnCallAnswer::Rendered(RenderedNotification {
            receiver: receiver.to_owned(),
            sent: shown,
        }))
    }
}

/// Makes one attempt at each, outside the outbox: what a person asked for is answered to that
/// person, not tried again when nobody looks. Without a beginning there is no end.
async fn try_out(
    receiver: String,
    delivery: Delivery,
    trial: [Notification; 2],
    answer: oneshot::Sender<OnCallReply>,
) {
    let mut attempts: Vec<TestAttempt> = Vec::new();
    let mut is_delivered = true;
    let mut known: Option<String> = None;
    for notification in trial.map(Arc::new) {
        let result = delivery.attempt(&notification, known.as_deref()).await;
        is_delivered = matches!(result, DeliveryResult::Sent { .. });
        attempts.push(TestAttempt::new(&notification, &result));
        if let DeliveryResult::Sent { receipt } = result {
            known = receipt;
        }
        if !is_delivered {
            break;
        }
    }
    let result = TestResult { attempts, delivered: is_delivered, receiver };
    // Who does not wait any more has no use for it.
    drop(answer.send(Ok(OnCallAnswer::TestResult(result))));
}
