//! On-call as a configuration asks for it, checked and made: at the start and at every reload.

use connectors::sink::SinkContext;
use oncall::desk::Settings;
use oncall::outbox::OutboxLimits;

use crate::api::on_call::Token;
use crate::config::{self, Calendars, Config};
use crate::deliveries::NotifierSet;

/// Who is told of what and how, and who may ask.
#[derive(Clone)]
pub struct OnCallParts {
    /// Who is told of what, and what is asked of them.
    pub settings: Settings,
    /// The limits of the outbox.
    pub outbox: OutboxLimits,
    /// How each receiver is reached, in the same order.
    pub sinks: NotifierSet,
    /// Who may ask over the API.
    pub tokens: Vec<Token>,
}

impl OnCallParts {
    /// What a configuration asks for, with the calendars of the rules; sinks that are as they
    /// were `before` are those.
    ///
    /// # Errors
    /// A calendar that the rules do not have, a secret that is not where the configuration
    /// says, and what a sink refuses.
    pub(crate) fn new(
        config: &Config,
        calendars: &Calendars,
        context: &SinkContext<'_>,
        before: &NotifierSet,
    ) -> Result<OnCallParts, String> {
        Ok(OnCallParts {
            settings: config.on_call(calendars)?,
            outbox: config.outbox_limits(),
            tokens: tokens(&config.tokens)?,
            sinks: NotifierSet::new(&config.sinks, context, before)?,
        })
    }

    /// Whether they come to the same.
    pub(crate) fn are_alike(&self, other: &OnCallParts) -> bool {
        self.settings == other.settings
            && self.outbox == other.outbox
            && self.tokens == other.tokens
            && self.sinks.is_same(&other.sinks)
    }
}

fn tokens(all: &[config::ApiToken]) -> Result<Vec<Token>, String> {
    let token = |of: &config::ApiToken| {
        let named = |why: String| format!("[[api.tokens]] {}: {why}", of.name);
        let secret = of.token.reveal().map_err(|error| named(error.to_string()))?;
        if secret.is_empty() {
            return Err(named("the token is empty".to_owned()));
        }
        Ok(Token { name: of.name.clone(), secret, scope: of.scope })
    };
    all.iter().map(token).collect()
}
