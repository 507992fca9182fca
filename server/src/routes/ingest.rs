//! `POST /ingest/STREAM`: lines of JSON into the spool of a stream.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use connectors::source::MAX_RECORD_BYTES;
use connectors::source::spool::{Spool, SpoolError};

use super::request::wall_clock;
use crate::app_state::SharedApp;
use crate::auth::bearer;
use crate::ingest_spools::{IngestRefusal, IngestSpools};
use crate::types::answers::IngestAnswer;

type IngestReply = (StatusCode, String);

/// Answers 200 once every line of the body is appended and synced, and otherwise has appended
/// none of them.
pub(crate) async fn ingest(
    State(state): SharedApp,
    Path(stream): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> IngestReply {
    let taken = match admit(&state.ingest, &stream, &headers) {
        Ok(spool) => tokio::task::spawn_blocking(move || append(&spool, &body)).await,
        Err(refusal) => return refusal,
    };
    match taken {
        Ok(Ok(accepted)) => accepted_reply(IngestAnswer { accepted }),
        Ok(Err(refusal)) => refusal,
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the request was not completed\n".to_owned()),
    }
}

fn accepted_reply(answer: IngestAnswer) -> IngestReply {
    match serde_json::to_string(&answer) {
        Ok(text) => (StatusCode::OK, format!("{text}\n")),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

fn admit(ingest: &IngestSpools, stream: &str, headers: &HeaderMap) -> Result<Spool, IngestReply> {
    let shown = bearer(headers).unwrap_or_default();
    ingest.admit(stream, shown).map_err(|refusal| {
        let (status, why) = match refusal {
            IngestRefusal::Starting => {
                (StatusCode::SERVICE_UNAVAILABLE, "the service is starting; try again\n")
            }
            IngestRefusal::WrongToken => (StatusCode::UNAUTHORIZED, "show the token of [ingest]\n"),
            IngestRefusal::UnknownStream => {
                (StatusCode::NOT_FOUND, "no stream of that name is read from HTTP: see [streams]\n")
            }
        };
        (status, why.to_owned())
    })
}

fn append(spool: &Spool, body: &[u8]) -> Result<usize, IngestReply> {
    let lines = body
        .split(|byte| *byte == b'\n')
        .enumerate()
        .map(|(at, line)| (at + 1, line.strip_suffix(b"\r").unwrap_or(line)));
    let lines: Vec<_> =
        lines.filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace)).collect();
    if let Some((at, line)) = lines.iter().find(|(_, line)| line.len() > MAX_RECORD_BYTES) {
        let what = format!("line {at} has {} bytes, the limit is {MAX_RECORD_BYTES}\n", line.len());
        return Err((StatusCode::PAYLOAD_TOO_LARGE, what));
    }
    if lines.is_empty() {
        return Ok(0);
    }
    let appended = spool.append(lines.iter().map(|(_, line)| *line), wall_clock());
    appended.map(|()| lines.len()).map_err(|error| match error {
        SpoolError::Full => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}; try again\n")),
        SpoolError::Journal(error) => {
            tracing::error!(%error, "a spool cannot be written");
            (StatusCode::INTERNAL_SERVER_ERROR, "the spool cannot be written\n".to_owned())
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use axum::http::header;

    use super::*;

    fn read(spool: &Spool) -> Vec<String> {
        let mut lines = Vec::new();
        let (mut reader, _) = spool.reader(0);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        reader.drain(99, |record| lines.push(text(record.unwrap().payload))).unwrap();
        lines
    }

    #[test]
    fn lines_are_taken_all_or_none() {
        let home = tempfile::tempdir().unwrap();
        let spool = Spool::open(home.path(), 200).unwrap();
        assert_eq!(append(&spool, b"{\"a\":1}\r\n\n {\"a\":2}").unwrap(), 2);
        assert_eq!(append(&spool, b" \n").unwrap(), 0);
        let long = vec![b'x'; MAX_RECORD_BYTES + 1];
        let (status, what) = append(&spool, &[b"{}\n", &long[..]].concat()).unwrap_err();
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(what.starts_with("line 2 has"), "{what}");
        let (status, _) = append(&spool, &[b'x'; 199]).unwrap_err();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(read(&spool), ["{\"a\":1}", " {\"a\":2}"]);
    }

    #[test]
    fn only_who_shows_the_token_may_post_and_only_to_what_is_open() {
        let home = tempfile::tempdir().unwrap();
        let spool = Spool::open(home.path(), 1 << 20).unwrap();
        let status = |ingest: &IngestSpools, stream: &str, shown: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, shown.parse().unwrap());
            admit(ingest, stream, &headers).err().map(|(status, _)| status.as_u16())
        };
        let ingest = IngestSpools::default();
        assert_eq!(status(&ingest, "auth", "Bearer abc"), Some(503));
        ingest.open(BTreeMap::from([("auth".to_owned(), spool)]), Some("abc".to_owned()));
        let cases = [
            ("auth", "Bearer abc", None),
            ("auth", "Bearer abd", Some(401)),
            ("auth", "Bearer ab", Some(401)),
            ("auth", "abc", Some(401)),
            ("other", "Bearer abc", Some(404)),
            ("other", "", Some(401)),
        ];
        for (stream, shown, want) in cases {
            assert_eq!(status(&ingest, stream, shown), want, "{stream} {shown}");
        }
        assert!(!format!("{ingest:?}").contains("abc"));
    }
}
