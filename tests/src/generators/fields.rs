//! Fields of drawn streams, by their place.

pub(super) const FIELD_HOST: usize = 1;
pub(super) const FIELD_LEVEL: usize = 2;
pub(super) const FIELD_TAG: usize = 3;
pub(super) const FIELD_ZONE: usize = 4;
pub(super) const FIELD_ID: usize = 5;
