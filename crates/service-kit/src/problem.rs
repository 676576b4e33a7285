//! Errors as actix answers: one type for every handler.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use sm_common::problem::{Conflict, FieldError, Problem, ProblemCode};

use crate::http::RequestContext;

/// The media type of RFC 9457.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A problem to answer with, and what only the log may see of it.
#[derive(Debug)]
pub struct ApiProblem {
    code: ProblemCode,
    detail: Option<String>,
    errors: Box<[FieldError]>,
    conflicts: Box<[Conflict]>,
    retry_after: Option<Duration>,
    etag: Option<String>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl ApiProblem {
    /// A problem with this code.
    pub fn new(code: ProblemCode) -> Self {
        Self {
            code,
            detail: None,
            errors: Box::default(),
            conflicts: Box::default(),
            retry_after: None,
            etag: None,
            cause: None,
        }
    }

    /// A fault of ours: the caller learns nothing of it, the log everything.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(ProblemCode::Internal).cause(cause)
    }

    /// A dependency does not answer; the caller should try again in a second.
    pub fn unavailable(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(ProblemCode::DependencyUnavailable)
            .detail(
                "a part of the system does not answer; try again shortly. \
                 After a write, read first: it may have been made",
            )
            .retry_after(Duration::from_secs(1))
            .cause(cause)
    }

    /// One or more fields are not valid.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self {
            errors: errors.into(),
            ..Self::new(ProblemCode::ValidationFailed)
        }
        .detail("see `errors` for each field")
    }

    /// What happened this time, and what to change; for the caller.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The wrong fields.
    #[must_use]
    pub fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors.into();
        self
    }

    /// What others have changed.
    #[must_use]
    pub fn conflicts(mut self, conflicts: Vec<Conflict>) -> Self {
        self.conflicts = conflicts.into();
        self
    }

    /// When to try again; unless said, a 503 names a second.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The resource's current entity tag, quoted; for answers to a stale `If-Match`.
    #[must_use]
    pub fn etag(mut self, etag: impl Into<String>) -> Self {
        self.etag = Some(etag.into());
        self
    }

    /// What the log should see.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The code.
    pub const fn code(&self) -> ProblemCode {
        self.code
    }

    /// The chain of causes, for the log.
    pub fn cause_chain(&self) -> Option<String> {
        let first = self.cause.as_deref()?;
        let mut text = first.to_string();
        let mut next = first.source();
        while let Some(error) = next {
            text.push_str(": ");
            text.push_str(&error.to_string());
            next = error.source();
        }
        Some(text)
    }

    fn body(&self) -> Problem {
        let context = RequestContext::current();
        let secret = self.status_code() == StatusCode::INTERNAL_SERVER_ERROR;
        Problem {
            detail: if secret { None } else { self.detail.clone() },
            instance: context.as_ref().map(|context| context.request_id.clone()),
            trace_id: context.and_then(|context| context.trace_id),
            errors: self.errors.to_vec(),
            conflicts: self.conflicts.to_vec(),
            ..Problem::new(self.code)
        }
    }
}

impl fmt::Display for ApiProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.as_str())?;
        self.detail
            .as_ref()
            .map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}

impl StdError for ApiProblem {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| {
            let cause: &(dyn StdError + 'static) = cause;
            cause
        })
    }
}

impl ResponseError for ApiProblem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON)));
        let is_unavailable = self.status_code() == StatusCode::SERVICE_UNAVAILABLE;
        let soon = is_unavailable.then_some(Duration::from_secs(1));
        if let Some(wait) = self.retry_after.or(soon) {
            response.insert_header((RETRY_AFTER, wait.as_secs().max(1).to_string()));
        }
        if let Some(etag) = &self.etag {
            response.insert_header((ETAG, etag.as_str()));
        }
        if self.status_code() == StatusCode::UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        match serde_json::to_vec(&self.body()) {
            Ok(body) => response.body(body),
            Err(_unwritable) => response.finish(),
        }
    }
}
