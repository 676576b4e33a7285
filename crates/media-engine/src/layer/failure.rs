use std::borrow::Cow;
use std::fmt;

use gstreamer as gst;
use sm_common::address::SourceUrlError;
use sm_common::clock::Timestamp;

/// Why a layer shows nothing: a stable code for programs, a reason for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: &'static str,
    pub(crate) reason: String,
    /// How it is tried again.
    pub(crate) retry: Option<Retry>,
}

/// What comes after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retry {
    /// Attempts that failed since it last delivered.
    pub(crate) attempts: u64,
    /// When the next one begins.
    pub(crate) at: Timestamp,
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
            retry: None,
        }
    }

    /// There is no file.
    pub(super) fn missing() -> Self {
        Self::new("layer.source.missing", "the file does not exist")
    }

    /// A file of a list cannot be played, and perhaps others.
    pub(super) fn item(number: usize, flawed: usize, why: &Self) -> Self {
        let others = match flawed {
            0 | 1 => String::new(),
            more => format!(" (and {} more)", more - 1),
        };
        let reason = format!("item {number} is passed over: {}{others}", why.reason);
        Self::new("layer.playlist.item", reason)
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

    /// The part that is wanted begins after the file has ended.
    pub(super) fn past_the_end() -> Self {
        Self::new(
            "layer.source.part",
            "the file is shorter than where it is to begin; choose an earlier beginning",
        )
    }

    /// The file can be read, but there is nothing to hear in it.
    pub(super) fn no_sound() -> Self {
        Self::undecodable("the file holds no sound")
    }

    /// An uploaded font is not used, and another is.
    pub(super) fn font(reason: &str) -> Self {
        let reason = format!("the uploaded font {reason}; another is used");
        Self::new("layer.font.failed", reason)
    }

    /// The picture is larger than this program takes.
    pub(super) fn too_large() -> Self {
        Self::new("layer.source.too-large", "the picture has too many pixels")
    }

    /// Frames stopped coming without a word.
    pub(super) fn stalled() -> Self {
        Self::new("layer.source.stalled", "the source delivers no frames")
    }

    /// The address of a network source cannot be read.
    pub(super) fn address(error: SourceUrlError) -> Self {
        Self::new("layer.source.address", format!("the address {error}"))
    }

    /// The name of a network source leads nowhere.
    pub(super) fn unknown_host() -> Self {
        Self::new("layer.source.unreachable", "the name is unknown")
    }

    /// The source is where nothing may be fetched from.
    pub(super) fn forbidden() -> Self {
        let reason = "the address is in a network that is not allowed";
        Self::new("layer.source.forbidden", reason)
    }

    /// Nobody answers there, or not as wanted.
    pub(super) fn unreachable() -> Self {
        Self::new("layer.source.unreachable", "the source cannot be reached")
    }

    /// The server has something to say, but nothing to show.
    pub(super) fn status(status: u16) -> Self {
        if matches!(status, 401 | 403) {
            return Self::unauthorized();
        }
        let reason = format!("the server answers with status {status}");
        Self::new("layer.source.unreachable", reason)
    }

    /// The server wants to know who asks, or does not believe it.
    pub(super) fn unauthorized() -> Self {
        let reason =
            "the server wants a user and a password, or does not accept those that are set";
        Self::new("layer.source.unauthorized", reason)
    }

    /// The secret that is to be sent is gone, or is for another server.
    pub(super) fn secret() -> Self {
        let reason = "the password or passphrase is not known any more; set it again";
        Self::new("layer.source.secret", reason)
    }

    /// The secure connection cannot be made.
    pub(super) fn tls() -> Self {
        let reason = "the server's certificate is not accepted, or it does not speak TLS";
        Self::new("layer.source.tls", reason)
    }

    /// The connection ended.
    pub(super) fn lost() -> Self {
        Self::new("layer.source.lost", "the source stopped sending")
    }

    /// Nobody has published to the layer so far.
    pub(super) fn nobody_publishes() -> Self {
        let reason = "nobody publishes to it so far";
        Self::new("layer.ingest.waiting", reason)
    }

    /// Whoever published to the layer is gone.
    pub(super) fn publisher_gone() -> Self {
        let reason = "the publisher is gone; it is taken up again when it comes back";
        Self::new("layer.ingest.lost", reason)
    }

    /// Whether it is the doing of whoever publishes, and no reason to wait.
    pub(super) fn is_by_others(&self) -> bool {
        self.code == "layer.ingest.lost"
    }

    /// The host takes no feeds, or the layer cannot listen for its own.
    pub(super) fn no_feeds(error: impl fmt::Display) -> Self {
        let reason = format!("nothing can be pushed to this engine: {error}");
        Self::new("layer.ingest.closed", reason)
    }

    /// What comes is no sound and no picture.
    pub(super) fn no_media() -> Self {
        let reason = "the source sends no sound or picture that can be shown";
        Self::new("layer.source.unsupported", reason)
    }

    /// Nothing came of a source in the time there is to open it.
    pub(super) fn silent() -> Self {
        Self::new("layer.source.unreachable", "the source sends nothing")
    }

    /// The first error of a pipeline that reads from the network. GStreamer's own text may name
    /// addresses, and is not told.
    pub(super) fn of_network(error: &gst::glib::Error, delivered: bool) -> Self {
        if error.is::<gst::ResourceError>() {
            return if delivered {
                Self::lost()
            } else {
                Self::unreachable()
            };
        }
        let no_decoder = error.matches(gst::CoreError::MissingPlugin)
            || error.matches(gst::StreamError::CodecNotFound)
            || error.matches(gst::StreamError::WrongType)
            || error.matches(gst::StreamError::TypeNotFound);
        if no_decoder {
            return Self::no_media();
        }
        // A demuxer that is told of an end before it knew what it got says no more than this.
        if delivered {
            return Self::lost();
        }
        Self::undecodable("what the source sends cannot be decoded")
    }

    /// Web pages are switched off.
    pub(super) fn web_disabled() -> Self {
        let reason = "web pages are switched off in this engine (web.enabled)";
        Self::new("layer.web.disabled", reason)
    }

    /// What draws web pages is not installed.
    pub(super) fn web_unavailable() -> Self {
        let reason = "WebKit is not installed beside this engine (gstreamer1.0-wpe)";
        Self::new("layer.web.unavailable", reason)
    }

    /// There are as many pages as there may be.
    pub(super) fn web_too_many() -> Self {
        let reason = "as many web pages as may be are open (web.pages_max)";
        Self::new("layer.web.too-many", reason)
    }

    /// The address is none of a page.
    pub(super) fn web_address() -> Self {
        Self::new(
            "layer.source.address",
            "a page has an address of http or https",
        )
    }

    /// The page was not loaded.
    pub(super) fn web_not_loaded() -> Self {
        Self::new("layer.web.not-loaded", "the page cannot be loaded")
    }

    /// A process of the page ended.
    pub(super) fn web_crashed() -> Self {
        Self::new("layer.web.crashed", "the page's process ended")
    }

    /// The page's processes take too much memory.
    pub(super) fn web_memory() -> Self {
        let reason = "the page takes more memory than it may (web.memory_mb_max)";
        Self::new("layer.web.memory", reason)
    }

    /// The page shows no sign of life.
    pub(super) fn web_stalled() -> Self {
        Self::new("layer.web.stalled", "the page hangs")
    }

    /// There is no first picture.
    pub(super) fn web_silent() -> Self {
        Self::new("layer.web.silent", "the page does not begin to show")
    }

    /// Text cannot be drawn.
    pub(super) fn text(reason: &'static str) -> Self {
        Self::new("layer.text.failed", reason)
    }

    /// Text was not drawn, and nobody says why.
    pub(super) fn undrawn() -> Self {
        Self::text("the text could not be drawn")
    }

    /// A text names what has no value.
    pub(super) fn unknown_names(written: &[String]) -> Self {
        let reason = format!(
            "no value is known for {}; set it at /api/variables, or write \\{{{{ for braces",
            written.join(", ")
        );
        Self::new("layer.text.unknown-variable", reason)
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
