//! Whatever bytes come from outside, reading them ends with a value or an error, never with a panic.
//! `make fuzz` tries far more of them.
#![expect(clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use proptest::prelude::*;
use sm_common::address::SourceUrl;
use sm_common::auth::{KeySet, Verifier};
use sm_common::chat::parse_chat_text;
use sm_common::clock::Timestamp;
use sm_common::id::{LayerId, StreamId};
use sm_common::ingest::StreamKey;
use sm_common::layer::Color;
use sm_common::recording::RecordingName;
use sm_common::ws::{ClientMessage, Subprotocol, inflate};

const MESSAGES: [&str; 4] = [
    r#"{"type":"subscribe","id":"1","channel":"stream-state","since":{"epoch":"a","offset":7}}"#,
    r#"{"type":"unsubscribe","channel":"chat"}"#,
    r#"{"type":"ping","id":"x"}"#,
    r#"{"type":"refresh","token":"a.b.c"}"#,
];
const ADDRESSES: [&str; 6] = [
    "rtmp://user@example.com:1935/app/key",
    "https://[2001:db8::1]:8443/a%20b?c=d#e",
    "srt://0x7f.1:9000?streamid=x",
    "rtsp://2130706433/",
    "http://xn--bcher-kva.example/",
    "file:///etc/passwd",
];
const TOKENS: [&str; 3] = [
    "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6InRlc3QifQ.eyJleHAiOiIxIn0.AAAA",
    "eyJhbGciOiJub25lIn0.e30.",
    "eyJhbGciOiJIUzI1NiIsImp3ayI6e319.e30.AA",
];

/// Bytes that are one of `samples` but for some that are others, or nothing of the kind.
fn near(samples: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let changed = (
        proptest::sample::select(samples),
        proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..8),
        any::<proptest::sample::Index>(),
        any::<bool>(),
    );
    prop_oneof![
        changed.prop_map(|(sample, changes, end, cut)| {
            let mut bytes = sample.as_bytes().to_vec();
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            if cut {
                bytes.truncate(end.index(bytes.len()));
            }
            bytes
        }),
        proptest::collection::vec(any::<u8>(), 0..300),
    ]
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

proptest! {
    #[test]
    fn frames_are_messages_or_are_refused(bytes in near(&MESSAGES)) {
        for subprotocol in Subprotocol::ALL {
            let _read = subprotocol.read::<ClientMessage>(&bytes);
        }
    }

    #[test]
    fn what_is_inflated_keeps_within_its_limit(bytes in near(&MESSAGES)) {
        let flagged = [&[sm_common::ws::DEFLATED], bytes.as_slice()].concat();
        for payload in [bytes, flagged] {
            if let Ok(message) = inflate(&payload, 1000) {
                prop_assert!(message.len() <= 1000);
            }
        }
    }

    #[test]
    fn no_token_of_anybody_elses_is_believed(bytes in near(&TOKENS)) {
        let jwks: JwkSet = serde_json::from_str(
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":"test",
                "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
        ).unwrap();
        let keys = KeySet::from_jwks(&jwks).unwrap();
        let verifier = Verifier::new("stream-manager", "stream-manager", Duration::ZERO);
        let now = Timestamp::from_unix_millis(1_800_000_000_000);
        prop_assert!(verifier.verify(&keys, &text(&bytes), now).is_err());
    }

    #[test]
    fn addresses_are_read_the_same_when_they_are_written_again(bytes in near(&ADDRESSES)) {
        if let Ok(url) = SourceUrl::parse(&text(&bytes)) {
            let again = SourceUrl::parse(url.expose().as_str()).unwrap();
            prop_assert_eq!(again.expose(), url.expose());
            prop_assert_eq!(again.origin(), url.origin());
        }
    }

    #[test]
    fn names_colours_and_keys_are_read_or_refused(bytes in near(&["main", "#ff00ff80", "intro-0001.ts"])) {
        let text = text(&bytes);
        let _stream = text.parse::<StreamId>();
        let _layer = text.parse::<LayerId>();
        let _color = text.parse::<Color>();
        let _name = text.parse::<RecordingName>();
        let _key = text.parse::<StreamKey>();
        if let Ok(said) = parse_chat_text(&text) {
            prop_assert!(!said.is_empty());
        }
    }
}
