//! Requests that need the receivers themselves: test notifications and previews.

use model::message::Language;
use model::severity::Severity;
use model::time::Timestamp;
use oncall::engine::CommandError;

use super::ReceiverTest;
use super::requests::answers::RenderedNotification;
use super::requests::{
    OnCallAnswer, OnCallError, OnCallQuery, OnCallReply, OnCallRequest, ReplyChannel, find_incident,
};
use super::worker::{NotifyWorker, PendingReply};

impl NotifyWorker {
    /// Answers a request: once what it changed is durable, or when a receiver that is tested has
    /// answered.
    pub(super) fn answer(&mut self, request: OnCallRequest, language: Language, now: Timestamp) {
        let OnCallRequest { query, by, reply: channel } = request;
        let reply = match query {
            OnCallQuery::TestReceiver { receiver, severity } => {
                self.test(&receiver, severity, &by, language, channel, now);
                return;
            }
            OnCallQuery::RenderNotification { incident, receiver } => {
                self.render(&incident, receiver, now)
            }
            query => super::requests::answer(query, &by, &mut self.engine, now),
        };
        self.replies.push(PendingReply { channel, reply });
    }

    fn test(
        &mut self,
        receiver: &str,
        severity: Severity,
        by: &str,
        language: Language,
        channel: ReplyChannel,
        now: Timestamp,
    ) {
        let message = match language {
            Language::En => format!("a test of {receiver} by {by}: nothing has happened"),
            Language::Ja => {
                format!("【テスト】{by} による {receiver} への送信テストです。対応は不要です")
            }
        };
        let test = self.engine.trial(receiver, severity, &message, by, now);
        match test {
            Ok((number, notifications)) if number < self.notifiers.len() => {
                let name = receiver.to_owned();
                self.notifiers.test(number, ReceiverTest { name, notifications, reply: channel });
            }
            Ok(_) => self.refuse(channel, CommandError::Unknown),
            Err(refused) => self.refuse(channel, refused),
        }
    }

    fn refuse(&mut self, channel: ReplyChannel, refused: CommandError) {
        let reply = Err(OnCallError::from(refused));
        self.replies.push(PendingReply { channel, reply });
    }

    fn render(&self, incident: &str, receiver: String, now: Timestamp) -> OnCallReply {
        let incident = find_incident(&self.engine, incident)?.id;
        let (number, notification) = self.engine.rendition(incident, &receiver, now)?;
        let preview = self.notifiers.preview(number, &notification);
        let sent = preview.ok_or(OnCallError::from(CommandError::Unknown))?;
        Ok(OnCallAnswer::Rendered(RenderedNotification { receiver, sent }))
    }
}
