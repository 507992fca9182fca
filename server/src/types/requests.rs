//! Bodies and queries of requests to the on-call API.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Query of a list of incidents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentFilter {
    /// States, separated by commas; without it all but closed.
    pub state: Option<String>,
}

/// Body of an action on an incident, a silence or a notification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ActionBody {
    /// Person who acts, where no token says so.
    pub by: Option<String>,
    /// Note, name or reason that belongs to the action.
    #[cfg_attr(test, schemars(length(max = 4096)))]
    pub text: String,
}

/// Body of a new silence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SilenceBody {
    /// Person who silences, where no token says so.
    pub by: Option<String>,
    /// Matchers that an incident must meet, all of them.
    #[cfg_attr(test, schemars(length(max = 32), extend("examples" = [MATCHER_EXAMPLES])))]
    pub matchers: Vec<String>,
    /// Receivers it applies to; none is all of them.
    #[serde(default)]
    pub receivers: Vec<String>,
    /// Reason.
    #[serde(default)]
    #[cfg_attr(test, schemars(required, length(min = 1, max = 4096)))]
    pub reason: String,
    /// Instant at which it begins, RFC 3339; now unless given.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub from: Option<String>,
    /// Instant at which it ends, RFC 3339.
    #[cfg_attr(test, schemars(required, extend("format" = "date-time")))]
    pub until: Option<String>,
    /// Whether it ends as soon as nothing it matches is open.
    #[serde(default)]
    pub until_resolved: bool,
}

/// Body of a preview of a silence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SilencePreviewBody {
    /// Matchers that an incident must meet, all of them.
    #[cfg_attr(test, schemars(length(max = 32), extend("examples" = [MATCHER_EXAMPLES])))]
    pub matchers: Vec<String>,
}

/// Body of a test notification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TestBody {
    /// Person who tests, where no token says so.
    pub by: Option<String>,
    /// Receiver.
    pub receiver: String,
    /// Severity of the notification: its name, in English or Japanese, or its level.
    pub severity: String,
}

/// Body of a preview of a notification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RenderBody {
    /// Receiver.
    pub receiver: String,
    /// Id of the incident, or the first digits of it.
    pub incident: String,
}

/// Body of a test of the routes: an alert that did not happen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RouteBody {
    /// Name of the alert.
    #[serde(default)]
    pub alert: String,
    /// Severity: its name, in English or Japanese, or its level.
    pub severity: String,
    /// Labels and components of the key, by name.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Instant at which it opens, RFC 3339; now unless given.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub at: Option<String>,
}

#[cfg(test)]
const MATCHER_EXAMPLES: [&str; 2] = ["user.name=batch", "alert=~認証.*"];
