//! Trying a receiver out, and showing what it would be sent.

use std::sync::Arc;

use model::message::Language;
use model::notification::{DeliveryResult, Notification};
use model::severity::Severity;
use oncall::desk::Refused;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::asking::{Answer, Ask, AskError, Asked, find};
use super::{Delivery, OnCall};
use crate::pipeline::clock::wall_clock;

impl OnCall {
    /// Answers a question: at once, or when a receiver has answered that is tried out.
    pub(super) fn answer(&mut self, asked: Asked, language: Language, runtime: &Handle) {
        match asked.ask {
            Ask::Test(receiver, severity) => {
                match self.trial(&receiver, severity, &asked.by, language) {
                    Ok((delivery, trial)) => {
                        runtime.spawn(try_out(receiver, delivery, trial, asked.answer));
                    }
                    Err(refused) => drop(asked.answer.send(Err(refused.into()))),
                }
            }
            Ask::Render(incident, receiver) => {
                drop(asked.answer.send(self.render(&incident, &receiver)));
            }
            _ => asked.answer(&mut self.desk, wall_clock()),
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

    fn render(&self, incident: &str, receiver: &str) -> Answer {
        let incident = find(&self.desk, incident)?.id;
        let (number, notification) = self.desk.rendition(incident, receiver, wall_clock())?;
        let shown = match self.deliveries.get(number) {
            Some(Delivery::Sink(sink)) => sink.preview(&notification),
            Some(Delivery::Console(console)) => console.render(&notification),
            None => return Err(AskError::from(Refused::Unknown)),
        };
        Ok(json!({ "receiver": receiver, "sent": shown }))
    }
}

/// Makes one attempt at each, outside the outbox: what a person asked for is answered to that
/// person, not tried again when nobody looks. Without a beginning there is no end.
async fn try_out(
    receiver: String,
    delivery: Delivery,
    trial: [Notification; 2],
    answer: oneshot::Sender<Answer>,
) {
    let mut attempts: Vec<Value> = Vec::new();
    let mut is_delivered = true;
    let mut known: Option<String> = None;
    for notification in trial.map(Arc::new) {
        let result = delivery.attempt(&notification, known.as_deref()).await;
        is_delivered = matches!(result, DeliveryResult::Sent { .. });
        attempts.push(told(&notification, &result));
        if let DeliveryResult::Sent { receipt } = result {
            known = receipt;
        }
        if !is_delivered {
            break;
        }
    }
    let document = json!({ "receiver": receiver, "delivered": is_delivered, "attempts": attempts });
    // Who does not wait any more has no use for it.
    drop(answer.send(Ok(document)));
}

fn told(of: &Notification, result: &DeliveryResult) -> Value {
    let (reason, why) = match result {
        DeliveryResult::Sent { .. } => (None, None),
        DeliveryResult::Retry { reason, why, .. } | DeliveryResult::Reject { reason, why } => {
            (Some(reason.name()), Some(why))
        }
    };
    json!({ "id": of.id, "kind": of.kind.name(), "reason": reason, "why": why })
}
