//! Sources that are fetched from elsewhere, and their secrets.
//!
//! A password comes in as text, is kept apart from its layer, and is from then on only named by it.
//! Each belongs to the server that it was given for, and is not sent to another.

use std::collections::BTreeMap;

use serde_json::Value;
use sm_common::address::{SOURCE_URL_BYTES_MAX, SourceScheme, SourceUrl};
use sm_common::clock::Timestamp;
use sm_common::id::SecretId;
use sm_common::layer::{KeyLength, NetworkSource, OnLoss};
use sm_common::secret::{Secret, SourceSecret};

use super::fault::{Fault, Faults};
use super::field::{Members, integer, parsed, text};

/// Longest name of a stream that an SRT listener is asked for, in characters.
const STREAM_ID_CHARS_MAX: usize = 512;
/// Shortest and longest wait for late frames, in milliseconds.
pub(super) const LATENCY_MS: (i64, i64) = (20, 8000);
/// Longest user and password, in characters.
const CREDENTIAL_CHARS_MAX: usize = 256;
/// Shortest and longest passphrase of SRT, in characters.
const PASSPHRASE_CHARS: (usize, usize) = (10, 79);

/// Reads the members of the source. A secret that is sent is in [`NetworkSource::plain`]; where
/// none is, the source goes on naming the one that it names.
pub(super) fn read(fields: &mut Members<'_>, faults: &mut Faults) -> Option<NetworkSource> {
    let (least, most) = LATENCY_MS;
    let url = fields.required("url", faults, read_url);
    let stream_id = fields.or("stream_id", None, faults, |value| {
        text(1, STREAM_ID_CHARS_MAX, false)(value).map(Some)
    });
    let user = fields.or("user", None, faults, |value| {
        text(1, CREDENTIAL_CHARS_MAX, false)(value).map(Some)
    });
    let password = sent(fields, "password", faults, 1, CREDENTIAL_CHARS_MAX);
    let (shortest, longest) = PASSPHRASE_CHARS;
    let passphrase = sent(fields, "passphrase", faults, shortest, longest);
    let key_length = fields.or("key_length", None, faults, |value| {
        let bytes: u8 = integer(0, 255)(value)?;
        let length = KeyLength::try_from(bytes);
        length.map(Some).map_err(|no| Fault::Value(no.to_string()))
    });
    let secret: Option<Option<SecretId>> =
        fields.or("secret", None, faults, |value| parsed(value).map(Some));
    // They say what is, and are written with the rest by whoever sends back what was read.
    for shown in ["has_password", "has_passphrase"] {
        fields.raw(shown);
    }
    let latency_ms = fields.or(
        "latency_ms",
        NetworkSource::LATENCY_MS,
        faults,
        integer(least, most),
    );
    let on_loss = fields.or("on_loss", OnLoss::default(), faults, parsed);
    let (url, scheme) = url?;
    let sent = if scheme == SourceScheme::Srt {
        passphrase?
    } else {
        password?
    };
    let mut source = NetworkSource {
        url,
        stream_id: stream_id?,
        user: user?,
        has_password: false,
        has_passphrase: false,
        key_length: key_length?,
        secret: secret?,
        password: None,
        passphrase: None,
        latency_ms: latency_ms?,
        on_loss: on_loss?,
    };
    match sent {
        Sent::Nothing => {}
        Sent::Null => source.secret = None,
        Sent::Text(text) => {
            source.secret = None;
            source.has_passphrase = scheme == SourceScheme::Srt;
            source.put_plain(text);
        }
    }
    is_consistent(&source, scheme, fields, faults).then_some(source)
}

/// What of a secret is in a request.
enum Sent {
    /// What is there stays.
    Nothing,
    /// None any more.
    Null,
    /// This one.
    Text(Secret),
}

fn sent(
    fields: &mut Members<'_>,
    name: &'static str,
    faults: &mut Faults,
    min: usize,
    max: usize,
) -> Option<Sent> {
    if fields.is_null(name) {
        return Some(Sent::Null);
    }
    fields.or(name, Sent::Nothing, faults, |value| {
        text(min, max, false)(value).map(|text| Sent::Text(Secret::from(text)))
    })
}

/// Whether all members are ones that the scheme knows.
fn is_consistent(
    source: &NetworkSource,
    scheme: SourceScheme,
    fields: &Members<'_>,
    faults: &mut Faults,
) -> bool {
    let srt = scheme == SourceScheme::Srt;
    let has_secret = source.secret.is_some() || source.plain().is_some();
    let rules = [
        (
            source.stream_id.is_none() || srt,
            "stream_id",
            "only SRT has one",
        ),
        (
            source.user.is_none() || scheme.takes_password(),
            "user",
            "SRT has none; it has a passphrase",
        ),
        (
            source.key_length.is_none() || srt,
            "key_length",
            "only SRT has one",
        ),
        (
            !fields.has_text("passphrase") || srt,
            "passphrase",
            "only SRT has one",
        ),
        (
            !fields.has_text("password") || scheme.takes_password(),
            "password",
            "SRT has none; it has a passphrase",
        ),
        (
            srt || source.user.is_some() || !has_secret,
            "user",
            "is required with a password",
        ),
    ];
    let mut consistent = true;
    for (holds, member, detail) in rules {
        if !holds {
            faults.value(fields.pointer_to(member), detail);
            consistent = false;
        }
    }
    consistent
}

fn read_url(value: &Value) -> Result<(String, SourceScheme), Fault> {
    let url = text(1, SOURCE_URL_BYTES_MAX, false)(value)?;
    let scheme = SourceUrl::parse(&url)
        .map_err(|refused| Fault::Value(refused.to_string()))?
        .scheme();
    Ok((url, scheme))
}

/// What secrets are judged by.
#[derive(Clone, Debug)]
pub(crate) struct Vault {
    /// The servers that the secrets are for which the proposal names, as far as they exist.
    pub(crate) origins: BTreeMap<SecretId, String>,
    /// Draws the name of a new one.
    pub(crate) draw: fn() -> SecretId,
}

impl Default for Vault {
    fn default() -> Self {
        Self {
            origins: BTreeMap::new(),
            draw: SecretId::generate,
        }
    }
}

/// Puts a secret that was sent apart, under a name of its own; makes sure that one which is only
/// named is for this server. `before` is the source as it was, if it was one. `None` when a fault
/// was noted.
#[expect(
    clippy::option_option,
    reason = "whether it is well, and whether there is a new secret"
)]
pub(super) fn seal(
    source: &mut NetworkSource,
    before: Option<&NetworkSource>,
    vault: &Vault,
    at: &str,
    now: Timestamp,
    faults: &mut Faults,
) -> Option<Option<(SecretId, SourceSecret)>> {
    let url = SourceUrl::parse(&source.url).ok()?;
    let member = if url.scheme() == SourceScheme::Srt {
        "passphrase"
    } else {
        "password"
    };
    let mut sealed = None;
    if let Some(text) = source.take_plain() {
        let id = (vault.draw)();
        source.secret = Some(id);
        let secret = SourceSecret {
            origin: url.origin(),
            text,
            created_at: now,
        };
        sealed = Some((id, secret));
    } else if let Some(id) = source.secret {
        let origin = before
            .filter(|before| before.secret == Some(id))
            .and_then(|before| Some(SourceUrl::parse(&before.url).ok()?.origin()))
            .or_else(|| vault.origins.get(&id).cloned());
        let Some(origin) = origin else {
            let detail = format!("is not known any more; send the {member} again");
            faults.value(format!("{at}/source/secret"), detail);
            return None;
        };
        if origin != url.origin() {
            let detail = "is needed again: the address leads to another server, which is not \
                          given what was meant for the old one; null for none";
            faults.value(format!("{at}/source/{member}"), detail);
            return None;
        }
    }
    let is_set = source.secret.is_some();
    source.has_password = is_set && url.scheme().takes_password();
    source.has_passphrase = is_set && !url.scheme().takes_password();
    Some(sealed)
}
