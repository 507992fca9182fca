//! Bytes in, bytes out: sources, codecs, sinks, logs.
