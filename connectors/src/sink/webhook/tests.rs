use super::*;
use crate::sink::http::tests::{HttpReceiver, answer};
use crate::sink::tests::notification;

/// The example of the specification.
const EXAMPLE: (&str, &str, i64, &str) = (
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    1_614_265_330,
    "{\"test\": 2432232314}",
);

#[test]
fn a_signature_is_that_of_the_specification() {
    let (secret, id, at_s, body) = EXAMPLE;
    let secret = decode_secret(secret).unwrap();
    let want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert_eq!(signature(std::slice::from_ref(&secret), id, at_s, body), want);
    let other = decode_secret("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap();
    let both = signature(&[other, secret], id, at_s, body);
    assert!(both.split(' ').count() == 2 && both.ends_with(want), "while one replaces another");
}

#[test]
fn what_is_no_secret_is_refused_and_not_shown() {
    for bad in ["", "whsec_", "hunter1", "whsec_QUJD", &"QUJD".repeat(30)] {
        let settings = WebhookSettings {
            http: HttpSettings {
                url: SecretText::new("https://hooks.example/T0"),
                headers: Vec::new(),
                timeout_ms: 1,
                allow_private: false,
            },
            format: WebhookFormat::Hansho,
            secrets: vec![SecretText::new(bad)],
        };
        let error = WebhookSink::new(&settings).err().unwrap().to_string();
        assert!(error.contains("openssl rand") && !error.contains("hunter"), "{error}");
    }
}

#[tokio::test]
async fn a_request_is_signed_over_what_is_sent_at_the_time_it_is_sent() {
    let receiver = HttpReceiver::start(answer("200 OK", "", "")).await;
    let settings = WebhookSettings {
        http: receiver.settings(),
        format: WebhookFormat::CloudEvents,
        secrets: vec![SecretText::new(EXAMPLE.0)],
    };
    let webhook = WebhookSink::new(&settings).unwrap();
    let sent = webhook.post(&notification(), Timestamp(1_614_265_330_999)).await;
    assert_eq!(sent, DeliveryResult::Sent { receipt: None });
    let request = receiver.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| {
        let found = head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        found.unwrap_or_else(|| panic!("no {name} in {head}")).to_owned()
    };
    assert_eq!(header("content-type"), "application/cloudevents+json");
    assert_eq!(header("webhook-id"), notification().id);
    assert_eq!(header("webhook-timestamp"), "1614265330");
    let secret = decode_secret(EXAMPLE.0).unwrap();
    let want = signature(&[secret], &notification().id, 1_614_265_330, body);
    assert_eq!(header("webhook-signature"), want);
}
