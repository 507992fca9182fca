//! Transitions and time to notifications.
