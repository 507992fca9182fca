//! Spools to which events are posted.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};

use connectors::source::spool::Spool;

use crate::auth::is_same_secret;

/// Why a request may not post events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IngestRefusal {
    /// No spool is open yet.
    Starting,
    /// The request does not show the token.
    WrongToken,
    /// No such stream is read from HTTP.
    UnknownStream,
}

/// Spools to which events may be posted, once the node has opened them.
#[derive(Default)]
pub struct IngestSpools {
    open: RwLock<Option<OpenSpools>>,
}

struct OpenSpools {
    spools: BTreeMap<String, Spool>,
    token: Option<String>,
}

impl IngestSpools {
    /// Accepts events for these streams from now on, and for no others; with a token, only in
    /// requests that carry it.
    pub fn open(&self, spools: BTreeMap<String, Spool>, token: Option<String>) {
        let open = OpenSpools { spools, token };
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Some(open);
    }

    /// The spool of a stream, for a request that shows this token.
    ///
    /// # Errors
    /// Why the request may not post to it.
    pub(crate) fn admit(&self, stream: &str, shown: &[u8]) -> Result<Spool, IngestRefusal> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let Some(OpenSpools { spools, token }) = open.as_ref() else {
            return Err(IngestRefusal::Starting);
        };
        if token.as_ref().is_some_and(|token| !is_same_secret(token.as_bytes(), shown)) {
            return Err(IngestRefusal::WrongToken);
        }
        spools.get(stream).cloned().ok_or(IngestRefusal::UnknownStream)
    }
}

impl fmt::Debug for IngestSpools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IngestSpools").finish_non_exhaustive()
    }
}
