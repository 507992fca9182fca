//! The sinks of a configuration, made.

use std::sync::Arc;

use connectors::sink::{ResolvedSink, SinkContext};

use crate::config;
use crate::wiring::notifiers::Notifier;

/// Sinks, each with its settings, which hold secrets and are printed nowhere.
#[derive(Clone, Default)]
pub struct NotifierSet(Vec<(ResolvedSink, Notifier)>);

impl NotifierSet {
    /// The sinks of a configuration, in its order. A sink with the settings of one in `previous`
    /// is that one: a file is not opened twice, and no connection is given up.
    ///
    /// # Errors
    /// A secret that is not where the configuration says, and settings that the sink refuses;
    /// with the sink's name.
    pub(crate) fn new(
        sinks: &[config::ReceiverSection],
        context: &SinkContext<'_>,
        previous: &NotifierSet,
    ) -> Result<NotifierSet, String> {
        let made = |sink: &config::ReceiverSection| {
            let named = |error| format!("sink {}: {error}", sink.name);
            let settings = sink.target.resolve(context).map_err(named)?;
            let known = previous.0.iter().find(|(other, _)| *other == settings);
            let notifier = match known {
                Some((_, notifier)) => notifier.clone(),
                None => Notifier::Sink(Arc::from(settings.open().map_err(named)?)),
            };
            Ok((settings, notifier))
        };
        sinks.iter().map(made).collect::<Result<_, _>>().map(NotifierSet)
    }

    /// The notifier of each receiver, in the order of the configuration.
    pub(crate) fn notifiers(&self) -> Vec<Notifier> {
        self.0.iter().map(|(_, notifier)| notifier.clone()).collect()
    }

    /// True when all settings are equal, in the same order.
    pub(crate) fn is_same(&self, other: &NotifierSet) -> bool {
        self.0.iter().map(|it| &it.0).eq(other.0.iter().map(|it| &it.0))
    }
}
