//! The media worker: one GStreamer program, steered over stdin and stdout.
