//! What an encoder is told when it may not publish: SRT has a number for it, no words.

use sapflow_srt::RejectCode;

use super::super::door::Refusal;
use super::StreamIdError;

/// The number for a refusal: those of SRT's access control, 1000 and a status of HTTP. Who
/// publishes already only sees the connection end.
pub(super) const fn code(refusal: &Refusal) -> RejectCode {
    RejectCode::http(match refusal {
        Refusal::Key | Refusal::StreamId(StreamIdError::NoKey) => 401,
        Refusal::TooManyPublishers => 402,
        Refusal::TooManyGuesses => 403,
        Refusal::Application(_) => 404,
        Refusal::StreamId(StreamIdError::NotPublishing) => 405,
        Refusal::Silent => 408,
        Refusal::Occupied | Refusal::TakenOver => 409,
        Refusal::Unsupported(_) | Refusal::Protocol(_) | Refusal::Transport(_) => 415,
        Refusal::Sibling(_) | Refusal::SiblingGone => 502,
        Refusal::NoHolder | Refusal::Moved | Refusal::Ending => 503,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_what_access_control_calls_it() {
        // On the wire it is a thousand more than what libraries call it: 2401 is 1401.
        let cases = [
            (Refusal::Key, 2401),
            (Refusal::TooManyPublishers, 2402),
            (Refusal::TooManyGuesses, 2403),
            (Refusal::StreamId(StreamIdError::NotPublishing), 2405),
            (Refusal::Occupied, 2409),
            (Refusal::NoHolder, 2503),
        ];
        for (refusal, expected) in cases {
            assert_eq!(code(&refusal), RejectCode(expected), "{refusal}");
        }
    }
}
