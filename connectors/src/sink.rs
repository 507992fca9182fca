//! Where alerts go: one attempt per call.
