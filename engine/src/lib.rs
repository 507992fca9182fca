//! Rules, observations and marks to transitions.
