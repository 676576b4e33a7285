use std::borrow::Cow;
use std::fmt;

/// Why an output does not deliver: a stable code for programs, a reason for people, who must not
/// learn a key or a passphrase from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: &'static str,
    pub(super) reason: Cow<'static, str>,
    /// Whether another attempt can end otherwise.
    pub(super) hope: Hope,
}

/// Whether another attempt can end otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hope {
    /// It is worth trying again.
    TryAgain,
    /// Only a change of the output helps.
    GiveUp,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.reason)
    }
}

impl Failure {
    const fn passing(code: &'static str, reason: &'static str) -> Self {
        Self {
            code,
            reason: Cow::Borrowed(reason),
            hope: Hope::TryAgain,
        }
    }

    /// The address can never work.
    pub(super) const fn address(reason: &'static str) -> Self {
        Self {
            code: "output.address",
            reason: Cow::Borrowed(reason),
            hope: Hope::GiveUp,
        }
    }

    /// The name leads to where nothing may be sent.
    pub(super) const fn forbidden() -> Self {
        Self::passing(
            "output.forbidden",
            "the address leads into a network that may not be sent to",
        )
    }

    /// Something of GStreamer is not installed or does not start.
    pub(super) const fn engine() -> Self {
        Self::passing("output.engine", "the media engine failed")
    }

    /// The peer is there and says no.
    pub(super) const fn refused(reason: &'static str) -> Self {
        Self::passing("output.refused", reason)
    }

    /// There is no such host, no way to it, or no answer.
    pub(super) const fn unreachable(reason: &'static str) -> Self {
        Self::passing("output.unreachable", reason)
    }

    /// The peer does not believe us.
    pub(super) const fn authentication(reason: &'static str) -> Self {
        Self::passing("output.authentication", reason)
    }

    /// The secure connection cannot be made.
    pub(super) const fn tls() -> Self {
        Self::passing(
            "output.tls",
            "the server's certificate is not accepted, or it does not speak TLS",
        )
    }

    /// The connection ended.
    pub(super) const fn closed() -> Self {
        Self::passing("output.closed", "the connection was closed")
    }

    /// Nobody says anything, and nothing moves.
    pub(super) const fn stalled() -> Self {
        Self::passing("output.stalled", "the target takes no data any more")
    }

    /// The address to listen on cannot be had.
    pub(super) const fn unbindable() -> Self {
        Self::passing(
            "output.unbindable",
            "the address cannot be listened on: it is in use or not of this machine",
        )
    }

    /// The reserve of the disk would be touched.
    pub(super) const fn disk_full() -> Self {
        Self::passing(
            "output.disk-full",
            "the disk has no room but what is kept in reserve",
        )
    }

    /// The recording cannot be written.
    pub(super) fn unwritable(error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull {
            return Self::disk_full();
        }
        Self {
            code: "output.unwritable",
            reason: format!("the recording cannot be written: {}", error.kind()).into(),
            hope: Hope::TryAgain,
        }
    }
}
