//! Records that could not be decoded, with their place and the reason.
