//! Alerts as a person at a terminal reads them.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hdrhistogram::Histogram;
use model::message::Language;
use model::notification::{DeliveryResult, FailureReason, Notification, NotificationKind};
use model::severity::Severity;
use model::time::Timestamp;

use runtime::notify::templates::{AlertTemplates, plain};

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";
/// An alert on an instant longer ago than this is about the past, not about a live event.
const LIVE_MS: i64 = 30_000;

/// Prints notifications, two lines each: what happened to whom, and what it means.
pub struct ConsoleNotifier {
    texts: Arc<AlertTemplates>,
    is_colored: bool,
    shown: AtomicU64,
    /// Milliseconds from the instant of an alert to the moment the service knew it.
    delays: Mutex<Option<Histogram<u64>>>,
}

impl ConsoleNotifier {
    /// A console on standard output; coloured only on a terminal that wants colour.
    pub(crate) fn new(texts: Arc<AlertTemplates>) -> ConsoleNotifier {
        let is_colored = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let delays = Mutex::new(Histogram::new(3).ok());
        ConsoleNotifier { texts, is_colored, shown: AtomicU64::new(0), delays }
    }

    /// Number of firing notifications shown.
    pub(crate) fn shown(&self) -> u64 {
        self.shown.load(Ordering::Relaxed)
    }

    /// Time that alerts on live events took, from their instant to being known: the median and the
    /// 99th percentile in milliseconds; `None` before the first.
    pub(crate) fn delays_ms(&self) -> Option<(u64, u64)> {
        let latest = self.delays.lock().unwrap_or_else(PoisonError::into_inner);
        let delays = latest.as_ref().filter(|delays| !delays.is_empty())?;
        Some((delays.value_at_quantile(0.5), delays.value_at_quantile(0.99)))
    }

    fn record_delay(&self, of: &Notification) {
        let delay_ms = of.detected.0.saturating_sub(of.facts.at.0);
        let mut delays = self.delays.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(delays), 0..=LIVE_MS) = (delays.as_mut(), delay_ms) {
            delays.saturating_record(delay_ms as u64);
        }
    }

    /// Prints a notification.
    pub(crate) fn show(&self, notification: &Notification) -> DeliveryResult {
        if notification.kind == NotificationKind::Firing {
            self.shown.fetch_add(1, Ordering::Relaxed);
            self.record_delay(notification);
        }
        match io::stdout().lock().write_all(self.render(notification).as_bytes()) {
            Ok(()) => DeliveryResult::Sent { receipt: None },
            Err(error) => {
                let (reason, why) = (FailureReason::Client, error.to_string());
                DeliveryResult::Reject { reason, why }
            }
        }
    }

    /// A notification as it is shown.
    pub(crate) fn render(&self, of: &Notification) -> String {
        let key: Vec<String> = of
            .facts
            .key
            .iter()
            .map(|(name, value)| format!("{name}={}", plain(&value.to_string())))
            .collect();
        let at = self.texts.local_time(of.facts.at);
        let clock = at.get(11..).unwrap_or(&at);
        let (start, end) = self.colors(of);
        let (value, level) = (
            self.texts.quantity(&of.facts.alert, of.measured.value),
            self.texts.quantity(&of.facts.alert, of.measured.threshold),
        );
        let facts = self.facts(of, &value, &level);
        let head = format!("{clock}  {start}{}{end}", self.label(of));
        let (alert, key) = (plain(&of.facts.alert), key.join(" "));
        let (dim, undim) = if self.is_colored { (DIM, RESET) } else { ("", "") };
        let message = plain(&of.message);
        format!("{head}  {alert}  {key}  {facts}\n          {dim}{message}{undim}\n")
    }

    fn label(&self, of: &Notification) -> String {
        let level = of.facts.severity.level();
        match (self.texts.language(), of.kind) {
            (Language::Ja, NotificationKind::Resolved) => "   解消".to_owned(),
            (Language::En, NotificationKind::Resolved) => format!("   {:<8}", "resolved"),
            (Language::Ja, _) => format!("L{level} {}", of.facts.severity.name_ja()),
            (Language::En, _) => format!("L{level} {:<8}", of.facts.severity.name()),
        }
    }

    fn facts(&self, of: &Notification, value: &str, level: &str) -> String {
        let lasted = self.texts.duration((of.facts.at.0 - of.facts.since.0) / 1000 * 1000);
        let deadline = of.deadline.map(|deadline| self.due_by(of.facts.at, deadline));
        let news = match (self.texts.language(), of.kind) {
            (Language::Ja, NotificationKind::Resolved) => return format!("継続 {lasted}"),
            (Language::En, NotificationKind::Resolved) => return format!("after {lasted}"),
            (Language::Ja, NotificationKind::Changed) => "重大度が上昇  ",
            (Language::En, NotificationKind::Changed) => "severity rose  ",
            (Language::Ja, NotificationKind::Again) => "再び該当  ",
            (Language::En, NotificationKind::Again) => "matched again  ",
            (Language::Ja, NotificationKind::Acknowledged) => "対応開始  ",
            (Language::En, NotificationKind::Acknowledged) => "acknowledged  ",
            (Language::Ja, NotificationKind::Escalated) => "エスカレーション  ",
            (Language::En, NotificationKind::Escalated) => "escalated  ",
            (Language::Ja, NotificationKind::Reminder) => "未解消  ",
            (Language::En, NotificationKind::Reminder) => "still open  ",
            (Language::Ja, NotificationKind::Digest) => return self.summed(of),
            (Language::En, NotificationKind::Digest) => return self.summed(of),
            (_, NotificationKind::Firing) => "",
        };
        match (self.texts.language(), deadline) {
            (Language::Ja, Some(until)) => {
                format!("{news}値 {value} (しきい値 {level})  対応期限 {until}")
            }
            (Language::Ja, None) => format!("{news}値 {value} (しきい値 {level})  計画的に対応"),
            (Language::En, Some(until)) => {
                format!("{news}value {value} (threshold {level})  respond by {until}")
            }
            (Language::En, None) => {
                format!("{news}value {value} (threshold {level})  as planned")
            }
        }
    }

    fn summed(&self, of: &Notification) -> String {
        let (news, ended) = of.digest.as_ref().map_or((0, 0), |digest| (digest.news, digest.ended));
        let is_flapping = of.digest.as_ref().is_some_and(|digest| digest.is_flapping);
        match self.texts.language() {
            Language::Ja if is_flapping => {
                format!("繰り返し: 直近1時間に発生{news}回、解消{ended}回")
            }
            Language::En if is_flapping => {
                format!("flapping: began {news} times, ended {ended} times in the last hour")
            }
            Language::Ja => format!("多発: {news}件、解消 {ended}件"),
            Language::En => format!("storm: {news} at once, {ended} over"),
        }
    }

    /// A deadline as people say it: the day only where it is another one.
    fn due_by(&self, at: Timestamp, deadline: Timestamp) -> String {
        let (today, due) = (self.texts.local_time(at), self.texts.local_time(deadline));
        let from = if today.get(..10) == due.get(..10) { 11 } else { 5 };
        due.get(from..16).unwrap_or(&due).to_owned()
    }

    fn colors(&self, of: &Notification) -> (&'static str, &'static str) {
        let color = match (of.kind, of.facts.severity) {
            _ if !self.is_colored => return ("", ""),
            (NotificationKind::Resolved, _) => "\x1b[32m",
            (_, Severity::Critical) => "\x1b[1;97;41m",
            (_, Severity::High) => "\x1b[1;31m",
            (_, Severity::Medium) => "\x1b[33m",
            (_, Severity::Low) => "\x1b[36m",
        };
        (color, RESET)
    }
}
