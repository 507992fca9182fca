//! On-call as a configuration asks for it, checked and made: at the start and at every reload.

use std::collections::{BTreeMap, BTreeSet};

use connectors::sink::SinkContext;
use oncall::engine::OnCallSettings;
use oncall::outbox::OutboxLimits;
use server::auth::ApiToken;

use crate::config::{self, CalendarsByName, NodeConfig};
use crate::notifiers::NotifierSet;
use crate::wiring::notifiers::Notifier;

/// Configuration of on-call: receivers, routes and API tokens.
#[derive(Clone)]
pub struct OnCallConfig {
    /// Settings of receivers, routes and policies.
    pub settings: OnCallSettings,
    /// The limits of the outbox.
    pub outbox: OutboxLimits,
    /// Notifiers of the receivers, in the same order.
    pub sinks: NotifierSet,
    /// Tokens of the API.
    pub tokens: Vec<ApiToken>,
}

impl OnCallConfig {
    /// What a configuration asks for, with the calendars of the rules; sinks that are as they
    /// were `before` are those.
    ///
    /// # Errors
    /// A calendar that the rules do not have, a secret that is not where the configuration
    /// says, and what a sink refuses.
    pub(crate) fn new(
        config: &NodeConfig,
        calendars: &CalendarsByName,
        context: &SinkContext<'_>,
        before: &NotifierSet,
    ) -> Result<OnCallConfig, String> {
        Ok(OnCallConfig {
            settings: config.on_call(calendars)?,
            outbox: config.outbox_limits(),
            tokens: tokens(&config.tokens)?,
            sinks: NotifierSet::new(&config.sinks, context, before)?,
        })
    }

    /// Names of receivers that are reached by the very notifier that reached them `before`.
    pub(crate) fn reached_as(&self, before: &OnCallConfig) -> BTreeSet<String> {
        let of = |config: &OnCallConfig| {
            let receivers = config.settings.routing.receivers().iter();
            let names = receivers.map(|receiver| receiver.name.clone());
            names.zip(config.sinks.notifiers()).collect::<BTreeMap<String, Notifier>>()
        };
        let known = of(before);
        let is_as_before = |name: &String, notifier: &Notifier| {
            known.get(name).is_some_and(|before| before.is(notifier))
        };
        of(self)
            .into_iter()
            .filter(|(name, notifier)| is_as_before(name, notifier))
            .map(|(name, _)| name)
            .collect()
    }

    /// True when they come to the same.
    pub(crate) fn are_alike(&self, other: &OnCallConfig) -> bool {
        self.settings == other.settings
            && self.outbox == other.outbox
            && self.tokens == other.tokens
            && self.sinks.is_same(&other.sinks)
    }
}

fn tokens(all: &[config::TokenSettings]) -> Result<Vec<ApiToken>, String> {
    let token = |of: &config::TokenSettings| {
        let named = |why: String| format!("[[api.tokens]] {}: {why}", of.name);
        let secret = of.token.reveal().map_err(|error| named(error.to_string()))?;
        if secret.is_empty() {
            return Err(named("the token is empty".to_owned()));
        }
        Ok(ApiToken { name: of.name.clone(), secret, scope: of.scope })
    };
    all.iter().map(token).collect()
}
