//! Files that are served as they are, compressed beforehand where somebody did.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::secret::hexadecimal;

/// A file with its compressed variants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StaticFile {
    media_type: &'static str,
    plain: Bytes,
    brotli: Option<Bytes>,
    gzip: Option<Bytes>,
    /// Changes with the content.
    digest: String,
}

/// How the bytes of an answer are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Plain,
    Brotli,
    Gzip,
}

impl Encoding {
    /// The name in `Content-Encoding`; `None` for plain bytes.
    pub(crate) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
        }
    }
}

impl StaticFile {
    /// A file whose type follows from the ending of `name`.
    pub(crate) fn new(name: &str, plain: Bytes) -> Self {
        let digest = Sha256::digest(&plain);
        let (short, _rest) = digest.split_at(16);
        Self {
            media_type: media_type(name),
            digest: hexadecimal(short),
            plain,
            brotli: None,
            gzip: None,
        }
    }

    /// The same with its compressed variants.
    #[must_use]
    pub(crate) fn compressed(self, brotli: Option<Bytes>, gzip: Option<Bytes>) -> Self {
        Self {
            brotli,
            gzip,
            ..self
        }
    }

    /// Its media type.
    pub(crate) const fn media_type(&self) -> &'static str {
        self.media_type
    }

    /// The uncompressed bytes.
    pub(crate) const fn plain(&self) -> &Bytes {
        &self.plain
    }

    /// The smallest variant that `accept_encoding` allows.
    pub(crate) fn best(&self, accept_encoding: &str) -> (Encoding, &Bytes) {
        if let Some(brotli) = &self.brotli
            && accepts(accept_encoding, "br")
        {
            (Encoding::Brotli, brotli)
        } else if let Some(gzip) = &self.gzip
            && accepts(accept_encoding, "gzip")
        {
            (Encoding::Gzip, gzip)
        } else {
            (Encoding::Plain, &self.plain)
        }
    }

    /// The entity tag of a variant, without quotes.
    pub(crate) fn tag(&self, encoding: Encoding) -> String {
        match encoding.name() {
            None => self.digest.clone(),
            Some(name) => format!("{}-{name}", self.digest),
        }
    }
}

/// Whether an `Accept-Encoding` names `encoding` without forbidding it.
fn accepts(accept_encoding: &str, encoding: &str) -> bool {
    accept_encoding.split(',').any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let forbidden = parts
            .filter_map(|parameter| parameter.strip_prefix("q="))
            .any(|weight| weight.parse() == Ok(0.0));
        named && !forbidden
    })
}

fn media_type(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/vnd.microsoft.icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_variant_is_the_smallest_that_is_accepted() {
        let bytes = Bytes::from_static;
        let file = StaticFile::new("a.js", bytes(b"plain"))
            .compressed(Some(bytes(b"br")), Some(bytes(b"gz")));
        let best = |accepted: &str| file.best(accepted).0;
        assert_eq!(best("gzip, deflate, br, zstd"), Encoding::Brotli);
        assert_eq!(best("gzip"), Encoding::Gzip);
        assert_eq!(best("GZIP;q=0.5"), Encoding::Gzip);
        assert_eq!(best("br;q=0, gzip"), Encoding::Gzip);
        assert_eq!(best("br; q=0.0"), Encoding::Plain);
        assert_eq!(best("identity"), Encoding::Plain);
        assert_eq!(best(""), Encoding::Plain);
    }

    #[test]
    fn each_variant_has_a_tag_of_its_own() {
        let file = StaticFile::new("a.js", Bytes::from_static(b"plain"));
        assert_ne!(file.tag(Encoding::Plain), file.tag(Encoding::Gzip));
    }
}
