//! By what errors are the same.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// Bytes of the digest that make a fingerprint.
const BYTES: usize = 8;
/// A run of hexadecimal digits this long is an identifier, and no word.
const HEX_MIN: usize = 8;

/// The fingerprint of an error. The number in front is that of the way it is made: another way gives
/// other numbers, and groups that were made before stay as they are.
pub(crate) fn fingerprint(code: &str, component: &str, message: &str) -> String {
    let text = format!("{code}\n{}\n{}", kind_of(component), template(message));
    let mut name = "v1:".to_owned();
    for byte in Sha256::digest(text.as_bytes()).iter().take(BYTES) {
        // Writing to a String cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// `output:youtube` is an `output`: the same thing goes wrong with several of them.
pub(crate) fn kind_of(component: &str) -> &str {
    component
        .split_once(':')
        .map_or(component, |(kind, _)| kind)
}

/// The message with what differs from time to time left out.
pub(crate) fn template(message: &str) -> String {
    let words = message.split_whitespace().map(placeholder);
    words.collect::<Vec<_>>().join(" ")
}

/// A word, or what it stands for. Punctuation around it stays.
fn placeholder(word: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '/' | '_' | '-' | '.' | ':' | '@');
    let head: String = word.chars().take_while(|c| !is_part(*c)).collect();
    let rest = word.strip_prefix(head.as_str()).unwrap_or(word);
    let core = rest.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '/');
    let tail = rest.strip_prefix(core).unwrap_or_default();
    match kind_of_word(core) {
        Some(kind) => format!("{head}<{kind}>{tail}"),
        None => word.to_owned(),
    }
}

fn kind_of_word(word: &str) -> Option<&'static str> {
    if word.contains("://") {
        return Some("address");
    }
    if word.len() > 1 && word.contains('/') {
        return Some("path");
    }
    let is_hex = |text: &str| text.chars().all(|c| c.is_ascii_hexdigit());
    let digits = word.chars().any(|c| c.is_ascii_digit());
    if !digits {
        return None;
    }
    let bare: String = word.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    if bare.len() >= HEX_MIN && is_hex(&bare) {
        return Some("id");
    }
    if word.contains(':') || word.matches('.').count() >= 2 {
        return Some("address");
    }
    Some("number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_time_to_time_is_left_out() {
        for (message, expected) in [
            (
                "the media worker was killed by signal 9",
                "the media worker was killed by signal <number>",
            ),
            (
                "cannot connect to rtmp://a.example/live: refused",
                "cannot connect to <address>: refused",
            ),
            (
                "no file at /data/assets/ab/abcd, gone",
                "no file at <path>, gone",
            ),
            (
                "layer 0192f3c1-77aa-7bbb-8ccc-123456789abc is broken",
                "layer <id> is broken",
            ),
            ("no answer from 10.0.0.1:1935", "no answer from <address>"),
            (
                "timed out after 1500ms (attempt 3)",
                "timed out after <number> (attempt <number>)",
            ),
            ("the  server   hung up", "the server hung up"),
            ("bad beef decade", "bad beef decade"),
        ] {
            assert_eq!(template(message), expected);
        }
    }

    #[test]
    fn errors_are_the_same_by_code_kind_of_component_and_template() {
        let one = fingerprint("output.refused", "output:a", "refused after 3 tries");
        assert_eq!(
            one,
            fingerprint("output.refused", "output:b", "refused after 12 tries")
        );
        assert_ne!(
            one,
            fingerprint("output.stalled", "output:a", "refused after 3 tries")
        );
        assert_ne!(
            one,
            fingerprint("output.refused", "worker", "refused after 3 tries")
        );
        assert_ne!(one, fingerprint("output.refused", "output:a", "hung up"));
    }

    /// Groups are kept by it.
    #[test]
    fn a_fingerprint_of_a_version_never_changes() {
        let fingerprint = fingerprint("worker.killed", "worker", "killed by signal 9");
        assert!(fingerprint.starts_with("v1:"));
        assert_eq!(fingerprint.len(), 3 + BYTES * 2);
    }
}
