use actix_web::http::header::HeaderMap;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use sm_common::auth::Identity;
use sm_common::problem::ProblemCode;
use sm_service_kit::ApiProblem;

use crate::store::Idempotency;

/// Longest idempotency key.
const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;

/// The idempotency key, bound to the caller and the request.
pub(super) fn idempotency<T: Serialize>(
    headers: &HeaderMap,
    caller: &Identity,
    body: &T,
) -> Result<Option<Idempotency>, ApiProblem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value
        .to_str()
        .ok()
        .filter(|key| !key.is_empty() && key.len() <= IDEMPOTENCY_KEY_CHARS_MAX)
        .ok_or_else(|| {
            ApiProblem::new(ProblemCode::HeaderInvalid).detail(format!(
                "`Idempotency-Key` takes 1 to {IDEMPOTENCY_KEY_CHARS_MAX} visible characters"
            ))
        })?;
    let request = serde_json::to_string(body).map_err(ApiProblem::internal)?;
    Ok(Some(Idempotency {
        key: digest(&format!("{}\n{key}", caller.user)),
        request: digest(&request),
    }))
}

fn digest(text: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(text)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}
