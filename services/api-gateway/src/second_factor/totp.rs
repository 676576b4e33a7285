use std::fmt;
use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sm_common::clock::Timestamp;
use totp_rs::{Algorithm, Builder, Secret, Totp};

use crate::secret::NoRandomness;

/// Bytes of a secret, as RFC 4226 recommends.
const SECRET_BYTES: usize = 20;
/// What every authenticator app takes: SHA-1, six digits, half a minute.
const DIGITS: u8 = 6;
/// Seconds of a time step.
pub(crate) const STEP_S: u64 = 30;
/// Steps before and after the present one whose codes are taken: clocks differ, and people type.
const SKEW: u16 = 1;
/// Empty modules around a QR code, as its standard asks.
const QUIET_ZONE: i32 = 4;

/// The secret that a server and an authenticator app share.
#[derive(Clone)]
pub(crate) struct TotpSecret(SecretString);

/// What an authenticator app is enrolled with.
#[derive(Debug)]
pub(crate) struct Enrolment {
    /// The secret in base 32, for typing it in.
    pub(crate) secret: String,
    /// The same with the names, as a link.
    pub(crate) uri: String,
    /// The link as a QR code, an SVG document.
    pub(crate) qr_svg: String,
}

/// An authenticator app cannot be enrolled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnrolmentError {
    #[error("the secret or the names cannot be used: {0}")]
    Totp(String),
    #[error("the link is too long for a QR code")]
    Picture,
}

impl TotpSecret {
    /// A new secret.
    pub(crate) fn generate() -> Result<Self, NoRandomness> {
        let mut bytes = [0; SECRET_BYTES];
        aws_lc_rs::rand::fill(&mut bytes)?;
        Ok(Self(Secret::from(bytes).to_base32().into()))
    }

    /// The time step of which `code` is the code, if it is one of those about `now`.
    pub(crate) fn step_of(&self, code: &str, now: Timestamp) -> Option<u64> {
        let seconds = u64::try_from(now.as_unix_seconds()).ok()?;
        self.totp("", "").ok()?.check(code, seconds)
    }

    /// What `issuer` shows to `name` to enrol it.
    pub(crate) fn enrolment(&self, issuer: &str, name: &str) -> Result<Enrolment, EnrolmentError> {
        let uri = self
            .totp(issuer, name)?
            .to_url()
            .map_err(|error| EnrolmentError::Totp(error.to_string()))?;
        Ok(Enrolment {
            secret: self.0.expose_secret().to_owned(),
            qr_svg: picture(&uri)?,
            uri,
        })
    }

    fn totp(&self, issuer: &str, name: &str) -> Result<Totp, EnrolmentError> {
        let secret = Secret::try_from_base32(self.0.expose_secret())
            .map_err(|error| EnrolmentError::Totp(error.to_string()))?;
        let issuer = (!issuer.is_empty()).then_some(issuer);
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(DIGITS)
            .with_step_duration(STEP_S)
            .with_skew(SKEW)
            .with_secret(secret)
            .with_issuer(issuer)
            .with_account_name(name)
            .build()
            .map_err(|error| EnrolmentError::Totp(error.to_string()))
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(hidden)")
    }
}

impl PartialEq for TotpSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Eq for TotpSecret {}

/// Only into Redis: nothing that is answered holds one.
impl Serialize for TotpSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

impl<'de> Deserialize<'de> for TotpSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Secret::try_from_base32(&text)
            .map_err(|_not_shown| de::Error::custom("a secret in base 32 was expected"))?;
        Ok(Self(text.into()))
    }
}

/// A QR code as an SVG document: dark modules on a light ground, whatever the page's colours are.
fn picture(text: &str) -> Result<String, EnrolmentError> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium)
        .map_err(|_too_long| EnrolmentError::Picture)?;
    let size = code.size();
    let whole = size + 2 * QUIET_ZONE;
    let mut path = String::new();
    for y in 0..size {
        for x in (0..size).filter(|x| code.get_module(*x, y)) {
            // Writing to a String cannot fail.
            let _ = write!(path, "M{} {}h1v1h-1z", x + QUIET_ZONE, y + QUIET_ZONE);
        }
    }
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {whole} {whole}\" \
         shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{whole}v{whole}H0z\"/>\
         <path d=\"{path}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of the test vectors of RFC 6238: "12345678901234567890".
    fn of_the_rfc() -> TotpSecret {
        serde_json::from_str("\"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\"").unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1000)
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        // Appendix B has eight digits; six are their end.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            let step = of_the_rfc().step_of(code, at(seconds));
            assert_eq!(step, Some(u64::try_from(seconds).unwrap() / STEP_S));
        }
    }

    #[test]
    fn a_code_is_taken_a_step_early_and_a_step_late_and_no_longer() {
        let of_step_1 = "287082";
        for (seconds, taken) in [(0, true), (30, true), (60, true), (89, true), (90, false)] {
            let step = of_the_rfc().step_of(of_step_1, at(seconds));
            assert_eq!(step.is_some(), taken, "{seconds}");
        }
    }

    #[test]
    fn what_is_no_code_is_not_taken() {
        for text in [
            "",
            "28708",
            "2870822",
            "28708a",
            " 287082",
            "+87082",
            "２８７０８２",
        ] {
            assert_eq!(of_the_rfc().step_of(text, at(59)), None, "{text:?}");
        }
    }

    #[test]
    fn an_app_is_enrolled_by_a_link_and_its_picture() {
        let Enrolment {
            secret,
            uri,
            qr_svg,
        } = of_the_rfc()
            .enrolment("Stream Manager", "ada@example.org")
            .unwrap();
        assert_eq!(secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(
            uri,
            "otpauth://totp/Stream%20Manager:ada%40example.org?\
             secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Stream%20Manager"
        );
        assert!(qr_svg.starts_with("<svg xmlns="), "{qr_svg}");
        // The corner of a finder pattern, inside the quiet zone.
        assert!(qr_svg.contains("M4 4h1v1h-1z"), "{qr_svg}");
    }

    #[test]
    fn a_secret_is_not_shown_by_accident() {
        let shown = format!("{:?}", of_the_rfc());
        assert_eq!(shown, "TotpSecret(hidden)");
        assert_ne!(
            TotpSecret::generate().unwrap(),
            TotpSecret::generate().unwrap()
        );
    }
}
