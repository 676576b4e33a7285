//! Whatever a worker or an engine of another version says, reading it ends with a message or an
//! error. `make fuzz` tries far more.

use proptest::prelude::*;
use sm_media_protocol::{Command, Report, TapHeader, decode};

proptest! {
    #[test]
    fn lines_are_messages_or_are_refused(
        name in "[a-z_]{1,20}",
        rest in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut line = format!("{{\"type\":\"{name}\",").into_bytes();
        line.extend_from_slice(&rest);
        for line in [line.as_slice(), rest.as_slice()] {
            let _command = decode::<Command>(line);
            let _report = decode::<Report>(line);
        }
    }

    #[test]
    fn heads_of_the_tap_read_back_as_they_were(bytes in any::<[u8; TapHeader::BYTES]>()) {
        if let Ok(header) = TapHeader::from_bytes(bytes) {
            let again = TapHeader::from_bytes(header.to_bytes());
            prop_assert_eq!(again.ok(), Some(header));
        }
    }
}
