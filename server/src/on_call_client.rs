//! Client of the thread that owns on-call.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use axum::http::StatusCode;
use runtime::notify::channel::{NotifyInput, NotifySender};
use runtime::notify::requests::{OnCallQuery, OnCallRequest, ReplyChannel};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::limits::{ANSWER_WAIT_MAX, TEST_WAIT_MAX};
use crate::reply::ApiReply;

/// Channel to the thread that answers queries, once it runs.
#[derive(Default)]
pub struct OnCallClient {
    requests: Mutex<Option<NotifySender>>,
}

impl OnCallClient {
    /// Sends requests there from now on.
    pub fn connect(&self, requests: NotifySender) {
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner) = Some(requests);
    }

    /// Sends a query and waits for its answer.
    pub(crate) async fn send(&self, query: OnCallQuery, by: String) -> ApiReply {
        let is_test = matches!(query, OnCallQuery::TestReceiver { .. });
        let wait_max = if is_test { TEST_WAIT_MAX } else { ANSWER_WAIT_MAX };
        let (reply, answered) = oneshot::channel();
        let sent = {
            let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
            // A client that no longer waits has no use for the answer.
            let reply = ReplyChannel::new(|answer| drop(reply.send(answer)));
            let request = NotifyInput::Request(Box::new(OnCallRequest { query, by, reply }));
            requests.as_ref().is_some_and(|requests| requests.send(request))
        };
        let unavailable = |why: &str| ApiReply::error(StatusCode::SERVICE_UNAVAILABLE, why);
        if !sent {
            return unavailable("the service is starting or stopping; try again");
        }
        match timeout(wait_max, answered).await {
            Ok(Ok(Ok(answer))) => ApiReply::Answer(Box::new(answer)),
            Ok(Ok(Err(error))) => ApiReply::from(error),
            Ok(Err(_)) | Err(_) => unavailable("no answer in time; look whether it was done"),
        }
    }
}

impl fmt::Debug for OnCallClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnCallClient").finish_non_exhaustive()
    }
}
