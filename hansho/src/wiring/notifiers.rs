//! Sinks and console as the node's notifiers: attempts run on tokio, outcomes come back by the
//! channel to on-call.

use std::sync::Arc;

use connectors::sink::Sink;
use model::notification::{DeliveryResult, Notification};
use runtime::notify::channel::{DeliveryOutcome, NotifyInput, NotifySender};
use runtime::notify::requests::OnCallAnswer;
use runtime::notify::requests::answers::{TestAttempt, TestResult};
use runtime::notify::{NotifierAttempt, Notifiers, ReceiverTest};
use tokio::runtime::Handle;

use crate::console::ConsoleNotifier;
use crate::wiring::clock::wall_clock;

/// Notifier of a receiver.
#[derive(Clone)]
pub enum Notifier {
    /// By a sink, one attempt a call.
    Sink(Arc<dyn Sink>),
    /// On this terminal.
    Console(Arc<ConsoleNotifier>),
}

/// The notifiers of all receivers, in their order.
pub struct TokioNotifiers {
    notifiers: Vec<Notifier>,
    runtime: Handle,
    to_on_call: NotifySender,
}

impl Notifier {
    /// True when it is the very same.
    pub(crate) fn is(&self, other: &Notifier) -> bool {
        match (self, other) {
            (Notifier::Sink(one), Notifier::Sink(other)) => Arc::ptr_eq(one, other),
            (Notifier::Console(one), Notifier::Console(other)) => Arc::ptr_eq(one, other),
            (Notifier::Sink(_), Notifier::Console(_))
            | (Notifier::Console(_), Notifier::Sink(_)) => false,
        }
    }

    async fn attempt(&self, notification: &Notification, receipt: Option<&str>) -> DeliveryResult {
        match self {
            Notifier::Sink(sink) => sink.deliver(notification, receipt, wall_clock()).await,
            Notifier::Console(console) => console.show(notification),
        }
    }
}

impl TokioNotifiers {
    /// Notifiers whose attempts run on a tokio runtime.
    pub(crate) fn new(
        notifiers: Vec<Notifier>,
        runtime: Handle,
        to_on_call: NotifySender,
    ) -> TokioNotifiers {
        TokioNotifiers { notifiers, runtime, to_on_call }
    }
}

impl Notifiers for TokioNotifiers {
    fn attempt(&mut self, attempt: NotifierAttempt) {
        let NotifierAttempt { ticket, receiver, notification, receipt } = attempt;
        let Some(notifier) = self.notifiers.get(receiver).cloned() else { return };
        let to_on_call = self.to_on_call.clone();
        self.runtime.spawn(async move {
            let result = notifier.attempt(&notification, receipt.as_deref()).await;
            // On-call only ends with the node: then the attempt is made again, with the same id.
            to_on_call.send(NotifyInput::Outcome(DeliveryOutcome::Attempt { ticket, result }));
        });
    }

    fn resend(&mut self, receiver: usize, name: &str, standing: Vec<Notification>) -> bool {
        let Some(Notifier::Sink(sink)) = self.notifiers.get(receiver).cloned() else {
            return false;
        };
        let (receiver, to_on_call) = (name.to_owned(), self.to_on_call.clone());
        self.runtime.spawn(async move {
            let result = sink.resend(&standing, wall_clock()).await;
            to_on_call.send(NotifyInput::Outcome(DeliveryOutcome::Resend { receiver, result }));
        });
        true
    }

    fn test(&mut self, receiver: usize, test: ReceiverTest) {
        if let Some(notifier) = self.notifiers.get(receiver).cloned() {
            self.runtime.spawn(run_test(notifier, test));
        }
    }

    fn preview(&self, receiver: usize, notification: &Notification) -> Option<String> {
        Some(match self.notifiers.get(receiver)? {
            Notifier::Sink(sink) => sink.preview(notification),
            Notifier::Console(console) => console.render(notification),
        })
    }

    fn len(&self) -> usize {
        self.notifiers.len()
    }
}

/// Makes one attempt at each, outside of the outbox: the result of a test goes to the person who
/// asked for it, and is not retried when nobody looks. Without a beginning there is no end.
async fn run_test(notifier: Notifier, test: ReceiverTest) {
    let ReceiverTest { name, notifications, reply } = test;
    let mut attempts = Vec::new();
    let mut is_delivered = true;
    let mut receipt: Option<String> = None;
    for notification in notifications.map(Arc::new) {
        let result = notifier.attempt(&notification, receipt.as_deref()).await;
        is_delivered = matches!(result, DeliveryResult::Sent { .. });
        attempts.push(TestAttempt::new(&notification, &result));
        if let DeliveryResult::Sent { receipt: known } = result {
            receipt = known;
        }
        if !is_delivered {
            break;
        }
    }
    let result = TestResult { attempts, delivered: is_delivered, receiver: name };
    reply.send(Ok(OnCallAnswer::TestResult(result)));
}
