//! HTTP client: one POST per call and the classification of its response, shared by all HTTP
//! receivers.

mod config;

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::fmt::rfc2822;
use model::notification::{DeliveryResult, FailureReason};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, StatusCode, Url, redirect};

use crate::secret::SecretText;
use crate::sink::SinkError;
use crate::sink::redact::Redactor;

pub use config::{SecretHeaders, SecretUrl};

/// Maximum number of bytes read of a response; the rest is discarded with the connection.
pub const MAX_ANSWER_BYTES: usize = 64 << 10;
/// Maximum number of bytes of a response that are shown.
const SHOWN_ANSWER_BYTES: usize = 200;
/// Maximum delay that a receiver can request, in milliseconds: one day.
const RETRY_AFTER_MAX_MS: i64 = model::time::DAY_MS;
/// Pause after a failed authentication, in milliseconds: a configuration is not corrected within
/// seconds.
pub(super) const LOGIN_RETRY_MS: i64 = 5 * model::time::MINUTE_MS;

/// Address and headers of a receiver.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// URL, `http` or `https`; path and query may contain a token and are never shown.
    pub url: SecretText,
    /// Additional headers, such as `authorization`.
    pub headers: Vec<(String, SecretText)>,
    /// Timeout of the whole attempt, in ms.
    pub timeout_ms: u64,
    /// True when loopback, private and link-local addresses are allowed: `allow_private`.
    pub allow_private: bool,
}

/// Client of one receiver.
#[derive(Clone)]
pub(super) struct HttpClient {
    client: Client,
    url: Url,
    headers: HeaderMap,
    /// `host:port`, for messages.
    place: String,
    /// Redactor of every response that is shown.
    redactor: Redactor,
}

/// Response of a receiver.
pub(super) struct HttpAnswer {
    pub(super) status: StatusCode,
    /// `Retry-After`, in milliseconds from the response.
    pub(super) after_ms: Option<i64>,
    /// First [`MAX_ANSWER_BYTES`] of the body.
    pub(super) body: Vec<u8>,
}

impl HttpClient {
    pub(super) fn new(settings: &HttpSettings) -> Result<HttpClient, SinkError> {
        let url = Url::parse(settings.url.expose())
            .map_err(|_| SinkError::refused("its url is no URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(SinkError::refused("its url must begin with https:// or http://"));
        }
        let host =
            url.host_str().ok_or_else(|| SinkError::refused("its url names no host"))?.to_owned();
        let port = url.port_or_known_default().unwrap_or(0);
        let place = format!("{host}:{port}");
        // The client connects to a literal address without the resolver.
        let literal = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        if !settings.allow_private && literal.is_some_and(is_private) {
            return Err(SinkError::refused(PRIVATE));
        }
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(Duration::from_millis(settings.timeout_ms))
            // A proxy from the environment would resolve names outside of the check.
            .no_proxy()
            .dns_resolver(Arc::new(AddressResolver { allow_private: settings.allow_private }))
            .user_agent(concat!("hansho/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| SinkError::refused(chain(&error.without_url())))?;
        let mut redactor = Redactor::default();
        redactor.add_url(&url);
        settings.headers.iter().for_each(|(_, value)| redactor.add_header(value.expose()));
        Ok(HttpClient { client, url, headers: headers(&settings.headers)?, place, redactor })
    }

    /// Redacts another secret in every response that is shown.
    pub(super) fn redacting(mut self, secret: &SecretText) -> HttpClient {
        self.redactor.add_secret(secret.expose());
        self
    }

    /// Returns the target at a path below the address, unless the address contains the path
    /// already.
    pub(super) fn below(settings: &HttpSettings, path: &str) -> Result<HttpClient, SinkError> {
        let mut client = HttpClient::new(settings)?;
        let base = client.url.path().trim_end_matches('/').to_owned();
        if !base.ends_with(path) {
            client.url.set_path(&format!("{base}{path}"));
        }
        Ok(client)
    }

    #[cfg(test)]
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Returns `host:port`, for messages.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Posts a body with additional headers and classifies the response by its status.
    pub(super) async fn post(
        &self,
        headers: &[(&'static str, String)],
        body: String,
    ) -> DeliveryResult {
        match self.send(headers, body).await {
            Ok(answer) => self.classify(&answer),
            Err(failed) => failed,
        }
    }

    /// Posts a body with additional headers, whose values are never shown.
    ///
    /// # Errors
    /// Result of an attempt without a response.
    pub(super) async fn send(
        &self,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<HttpAnswer, DeliveryResult> {
        let mut request = self.client.post(self.url.clone()).headers(self.headers.clone());
        for (name, value) in headers {
            let Ok(value) = HeaderValue::from_str(value) else {
                let why = format!("{}: the header {name} cannot be sent", self.place);
                return Err(DeliveryResult::Reject { reason: FailureReason::Client, why });
            };
            request = request.header(*name, value);
        }
        match request.body(body).send().await {
            Ok(response) => Ok(HttpAnswer {
                status: response.status(),
                after_ms: retry_after_ms(response.headers(), SystemTime::now()),
                // The receiver has the notification as soon as the status arrives: a later failure
                // of the body is ignored.
                body: read_answer(response).await,
            }),
            Err(error) => {
                let reason = match error.is_timeout() {
                    true => FailureReason::Timeout,
                    false => FailureReason::Network,
                };
                let why = format!("{}: {}", self.place, chain(&error.without_url()));
                Err(DeliveryResult::Retry { reason, why, after_ms: None })
            }
        }
    }

    /// Returns the start of a response, safe to print: secrets redacted, control characters
    /// escaped.
    pub(super) fn shown(&self, answer: &[u8]) -> String {
        // Truncated afterwards: a truncated secret would not be recognised.
        let text = self.redactor.redact(&String::from_utf8_lossy(answer));
        let shown = text.get(..text.floor_char_boundary(SHOWN_ANSWER_BYTES)).unwrap_or_default();
        shown.escape_debug().to_string()
    }

    /// Classifies a response by its status.
    pub(super) fn classify(&self, answer: &HttpAnswer) -> DeliveryResult {
        let HttpAnswer { status, after_ms, body } = answer;
        let (status, after_ms) = (*status, *after_ms);
        if status.is_success() {
            return DeliveryResult::Sent { receipt: None };
        }
        let why = format!("{} answered {status}: {}", self.place, self.shown(body));
        let reason = reason_of(status);
        match reason {
            FailureReason::Auth => {
                let after_ms = after_ms.or(Some(LOGIN_RETRY_MS));
                DeliveryResult::Retry { reason, why, after_ms }
            }
            FailureReason::Client | FailureReason::TooLarge | FailureReason::Gone => {
                DeliveryResult::Reject { reason, why }
            }
            _ => DeliveryResult::Retry { reason, why, after_ms },
        }
    }
}

/// Returns the failure reason of a status.
fn reason_of(status: StatusCode) -> FailureReason {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => FailureReason::Auth,
        StatusCode::TOO_MANY_REQUESTS => FailureReason::RateLimited,
        StatusCode::REQUEST_TIMEOUT => FailureReason::Timeout,
        StatusCode::PAYLOAD_TOO_LARGE => FailureReason::TooLarge,
        StatusCode::GONE => FailureReason::Gone,
        StatusCode::TOO_EARLY => FailureReason::Server,
        _ if status.is_server_error() => FailureReason::Server,
        _ => FailureReason::Client,
    }
}

fn headers(settings: &[(String, SecretText)]) -> Result<HeaderMap, SinkError> {
    let mut headers = HeaderMap::new();
    for (name, value) in settings {
        let refused = || SinkError::refused(format!("the header {name:?} cannot be sent"));
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?;
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| refused())?;
        value.set_sensitive(true);
        headers.append(key, value);
    }
    Ok(headers)
}

async fn read_answer(mut response: reqwest::Response) -> Vec<u8> {
    let mut answer = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = MAX_ANSWER_BYTES - answer.len();
        answer.extend(chunk.iter().take(room));
        if answer.len() == MAX_ANSWER_BYTES {
            break;
        }
    }
    answer
}

/// Parses `Retry-After` to ms from now: seconds, or an HTTP date.
pub(super) fn retry_after_ms(headers: &HeaderMap, now: SystemTime) -> Option<i64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait_ms = match text.parse::<u32>() {
        Ok(seconds) => i64::from(seconds) * model::time::SECOND_MS,
        Err(_) => {
            let then = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
            let now_ms = now.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_millis();
            then.as_millisecond() - i64::try_from(now_ms).ok()?
        }
    };
    Some(wait_ms.clamp(0, RETRY_AFTER_MAX_MS))
}

/// System resolver without forbidden addresses. The check is here, where the connection gets its
/// address, so that a name cannot be resolved differently between check and use.
struct AddressResolver {
    allow_private: bool,
}

/// Error of a name without an allowed address.
#[derive(Debug)]
struct PrivateAddressError;

const PRIVATE: &str = "its host is a loopback, private or link-local address; \
                       allow_private = true permits it";

impl Resolve for AddressResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| allow_private || !is_private(address.ip())).collect();
            if allowed.is_empty() {
                return Err(Box::new(PrivateAddressError) as Box<dyn Error + Send + Sync>);
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Returns true when an address is local to this machine or a private network, in any notation.
pub(super) fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_documentation()
                || a == 0
                || a >= 240
                // Shared (RFC 6598), protocol assignments (RFC 6890), benchmarks (RFC 2544).
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (b == 18 || b == 19))
        }
        IpAddr::V6(v6) => embedded_v4(v6).is_some_and(is_private) || is_private_v6(v6),
    }
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        // Site-local (RFC 3879), discard (RFC 6666), documentation, Teredo.
        || first & 0xffc0 == 0xfec0
        || first == 0x0100
        || (first == 0x2001 && matches!(second, 0 | 0x0db8))
}

/// Extracts the IPv4 address inside NAT64 (RFC 6052), 6to4 (RFC 3056) and compatible addresses.
fn embedded_v4(address: Ipv6Addr) -> Option<IpAddr> {
    let [s0, s1, s2, s3, s4, s5, s6, s7] = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(IpAddr::from([a, b, c, d]))
    };
    match (s0, s1, s2, s3, s4, s5) {
        (0x0064, 0xff9b, 0, 0, 0, 0) | (0, 0, 0, 0, 0, 0) => v4(s6, s7),
        (0x0064, 0xff9b, 1, ..) => Some(IpAddr::from([127, 0, 0, 1])),
        (0x2002, ..) => v4(s1, s2),
        _ => None,
    }
}

/// Formats an error with its causes, each once.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

impl fmt::Display for PrivateAddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PRIVATE)
    }
}

impl Error for PrivateAddressError {}

impl fmt::Debug for HttpSettings {
    /// Shows names only: the URL and the header values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("HttpSettings")
            .field("url", &self.url)
            .field("headers", &names)
            .field("timeout_ms", &self.timeout_ms)
            .field("allow_private", &self.allow_private)
            .finish()
    }
}

#[cfg(test)]
pub(super) mod tests;
