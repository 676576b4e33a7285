use std::borrow::Cow;
use std::fmt;

use gstreamer as gst;

/// Why a layer shows nothing: a stable code for programs, a reason for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: &'static str,
    pub(crate) reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.reason)
    }
}

impl Failure {
    fn new(code: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            reason: reason.into().into_owned(),
        }
    }

    /// There is no file.
    pub(super) fn missing() -> Self {
        Self::new("layer.source.missing", "the file does not exist")
    }

    /// There is a file, but it cannot be read.
    pub(super) fn unreadable(error: &std::io::Error) -> Self {
        let reason = format!("the file cannot be read: {}", error.kind());
        Self::new("layer.source.unreadable", reason)
    }

    /// The file is of a kind that this layer does not show.
    pub(super) fn unsupported(reason: &'static str) -> Self {
        Self::new("layer.source.unsupported", reason)
    }

    /// The file is of the right kind, but broken.
    pub(super) fn undecodable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new("layer.source.undecodable", reason)
    }

    /// The file can be read, but there is nothing to show in it.
    pub(super) fn no_picture() -> Self {
        Self::undecodable("the file holds no picture")
    }

    /// The picture is larger than this program takes.
    pub(super) fn too_large() -> Self {
        Self::new("layer.source.too-large", "the picture has too many pixels")
    }

    /// Frames stopped coming without a word.
    pub(super) fn stalled() -> Self {
        Self::new("layer.source.stalled", "the source delivers no frames")
    }

    /// Text cannot be drawn.
    pub(super) fn text(reason: &'static str) -> Self {
        Self::new("layer.text.failed", reason)
    }

    /// Text was not drawn, and nobody says why.
    pub(super) fn undrawn() -> Self {
        Self::text("the text could not be drawn")
    }

    /// A ticker's text makes a picture that is too wide.
    pub(super) fn strip() -> Self {
        Self::new(
            "layer.ticker.too-large",
            "the text is too long for the size of its letters",
        )
    }

    /// The clock's format means nothing.
    pub(super) fn clock_format() -> Self {
        Self::new("layer.clock.format", "the format is not one of strftime")
    }

    /// The stops make no gradient.
    pub(super) fn gradient() -> Self {
        Self::new("layer.gradient.failed", "the gradient cannot be drawn")
    }

    /// There is no such time zone.
    pub(super) fn clock_timezone() -> Self {
        Self::new("layer.clock.timezone", "the time zone is not known")
    }

    /// Something of GStreamer is not installed or does not start.
    pub(super) fn engine(error: impl fmt::Display) -> Self {
        Self::new(
            "layer.engine.failed",
            format!("the media engine failed: {error}"),
        )
    }

    /// The first error of a pipeline that reads a file. Its text never names the file.
    pub(super) fn of_pipeline(error: &gst::glib::Error) -> Self {
        let no_decoder = error.matches(gst::CoreError::MissingPlugin)
            || error.matches(gst::StreamError::CodecNotFound)
            || error.matches(gst::StreamError::WrongType);
        if no_decoder {
            return Self::unsupported("no decoder for what the file holds is installed");
        }
        if error.is::<gst::ResourceError>() {
            return Self::undecodable("the file cannot be read to its end");
        }
        let reason = format!("the file cannot be decoded: {}", error.message());
        Self::undecodable(reason)
    }
}
