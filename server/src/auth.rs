//! Authorisation: bearer tokens of the configuration, their scopes, and who sent a request.
//!
//! Without a configured token only this machine is served, and a request says itself who sent it.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, StatusCode, header};

use crate::reply::ApiReply;

/// A person or tool that may send requests.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Name under which its actions are recorded.
    pub name: String,
    /// Secret that it sends.
    pub secret: String,
    /// Scope of what it may do.
    pub scope: ApiScope,
}

/// Scope of a token; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ApiScope {
    /// Read.
    Read,
    /// Act on incidents.
    Act,
    /// Also silence, and retry or forget dropped notifications.
    Admin,
}

/// Tokens that are accepted; a reload replaces them.
#[derive(Default)]
pub struct TokenStore {
    tokens: Mutex<Vec<ApiToken>>,
}

impl TokenStore {
    /// Accepts these tokens and no others from now on.
    pub fn admit(&self, tokens: Vec<ApiToken>) {
        *self.tokens.lock().unwrap_or_else(PoisonError::into_inner) = tokens;
    }

    /// Scope of the token with a secret.
    pub fn scope_of(&self, secret: &str) -> Option<ApiScope> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        find(&tokens, secret.as_bytes()).map(|token| token.scope)
    }

    /// Name of the sender of a request that needs a scope. `stated` is the name in the request,
    /// which counts only where no token is configured.
    ///
    /// # Errors
    /// The reply to a request that is not authorised.
    pub(crate) fn authorize(
        &self,
        headers: &HeaderMap,
        stated: Option<&str>,
        needed: ApiScope,
    ) -> Result<String, ApiReply> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.is_empty() {
            // A page in a browser on this machine must not act for its user.
            if headers.contains_key(header::ORIGIN) {
                let why = "not from a web page: configure [[api.tokens]]";
                return Err(ApiReply::error(StatusCode::FORBIDDEN, why));
            }
            return Ok(stated.unwrap_or_default().trim().to_owned());
        }
        match find(&tokens, bearer(headers).unwrap_or_default()) {
            Some(token) if token.scope >= needed => Ok(token.name.clone()),
            Some(token) => {
                let why = format!("{} may not do that: see scope in [[api.tokens]]", token.name);
                Err(ApiReply::error(StatusCode::FORBIDDEN, why))
            }
            None => {
                let why = "show a token of [[api.tokens]]: authorization: Bearer …";
                Err(ApiReply::error(StatusCode::UNAUTHORIZED, why))
            }
        }
    }
}

fn find<'a>(tokens: &'a [ApiToken], shown: &[u8]) -> Option<&'a ApiToken> {
    tokens.iter().find(|token| is_same_secret(token.secret.as_bytes(), shown))
}

/// Secret of the `authorization: Bearer …` header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let shown = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
    shown.and_then(|value| value.strip_prefix(b"Bearer "))
}

/// Compares all bytes whatever the first ones are, so that the time taken reveals none of them.
pub(crate) fn is_same_secret(known: &[u8], shown: &[u8]) -> bool {
    let differing = known.iter().zip(shown).fold(0, |all, (a, b)| all | (a ^ b));
    known.len() == shown.len() && differing == 0
}

impl fmt::Debug for TokenStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenStore").finish_non_exhaustive()
    }
}

impl fmt::Debug for ApiToken {
    /// Everything but the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiToken")
            .field("name", &self.name)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(name: &str, secret: &str, scope: ApiScope) -> ApiToken {
        ApiToken { name: name.to_owned(), secret: secret.to_owned(), scope }
    }

    fn headers(of: &[(header::HeaderName, &str)]) -> HeaderMap {
        of.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_token_says_who_it_is_and_what_it_may_do() {
        let store = TokenStore::default();
        store.admit(vec![
            token("r", "s3cret-read", ApiScope::Read),
            token("a", "s3cret", ApiScope::Act),
        ]);
        let check = |shown: &str, needed, want: Result<&str, u16>| {
            let headers = headers(&[(header::AUTHORIZATION, shown)]);
            let got = store.authorize(&headers, Some("mallory"), needed);
            assert_eq!(got.map_err(|reply| reply.status().as_u16()), want.map(str::to_owned));
        };
        check("Bearer s3cret-read", ApiScope::Read, Ok("r"));
        check("Bearer s3cret-read", ApiScope::Act, Err(403));
        check("Bearer s3cret", ApiScope::Read, Ok("a"));
        check("Bearer s3cret", ApiScope::Act, Ok("a"));
        check("Bearer s3cret", ApiScope::Admin, Err(403));
        check("Bearer s3cre", ApiScope::Read, Err(401));
        check("Bearer s3crets", ApiScope::Read, Err(401));
        check("s3cret", ApiScope::Read, Err(401));
        check("Bearer ", ApiScope::Read, Err(401));
        assert_eq!(store.scope_of("s3cret"), Some(ApiScope::Act));
        assert_eq!(store.scope_of(""), None);
        assert!(
            !format!("{store:?} {:?}", token("n", "s3cret", ApiScope::Read)).contains("s3cret")
        );
    }

    #[test]
    fn without_a_token_the_request_says_who_it_is_and_no_page_may() {
        let store = TokenStore::default();
        let plain = store.authorize(&HeaderMap::new(), Some(" 山田 "), ApiScope::Admin);
        assert_eq!(plain.ok().as_deref(), Some("山田"));
        let forged = headers(&[(header::ORIGIN, "http://evil.example")]);
        let refused = store.authorize(&forged, Some("山田"), ApiScope::Read).unwrap_err();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    }
}
