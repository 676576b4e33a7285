//! The second factor: one-time codes of an authenticator app (RFC 6238), and recovery codes for when
//! the app is gone.

mod codes;
mod factor;
mod recovery;
mod totp;

pub(crate) use codes::{CodeError, Codes, Proven};
pub(crate) use factor::SecondFactor;
pub(crate) use recovery::RecoveryCodes;
pub(crate) use totp::{Enrolment, EnrolmentError, TotpSecret};
