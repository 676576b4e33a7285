use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sm_common::clock::Timestamp;
use sm_common::id::DeliveryId;
use sm_common::secret::Secret;

/// The signature of a message as the Standard Webhooks have it: `v1,` and the HMAC-SHA256 of
/// identifier, time in seconds since the Unix epoch and body, joined by dots, in base64. A secret that
/// begins with `whsec_` is the rest of it in base64; every other is taken as it stands.
pub(super) fn sign(secret: &Secret, id: DeliveryId, at: Timestamp, body: &str) -> Option<String> {
    let text = secret.expose();
    let decoded = text
        .strip_prefix("whsec_")
        .and_then(|encoded| STANDARD.decode(encoded).ok());
    let key = decoded.unwrap_or_else(|| text.as_bytes().to_vec());
    // HMAC takes keys of every length.
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    let seconds = at.as_unix_seconds();
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    Some(format!(
        "v1,{}",
        STANDARD.encode(mac.finalize().into_bytes())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf '%s' '<id>.1800000000.{}' | openssl dgst -sha256 -hmac 'a secret of mine' -binary | base64`
    #[test]
    fn a_signature_covers_the_identifier_the_time_and_the_body() {
        let secret = Secret::from("a secret of mine".to_owned());
        let id: DeliveryId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let at = Timestamp::from_unix_millis(1_800_000_000_999);
        let signed = sign(&secret, id, at, "{}").unwrap();
        assert_eq!(signed, "v1,dWR3fXB6n1ktktWwg3qD3bxsSZNz/NvA42u0amUtMZE=");
        let encoded = format!("whsec_{}", STANDARD.encode("a secret of mine"));
        assert_eq!(sign(&Secret::from(encoded), id, at, "{}").unwrap(), signed);
        let other = sign(&secret, id, at, "{ }").unwrap();
        assert_ne!(signed, other);
        let later = at.plus(std::time::Duration::from_secs(1));
        assert_ne!(signed, sign(&secret, id, later, "{}").unwrap());
    }
}
