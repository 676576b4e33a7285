//! The frame handling against every case of the Autobahn fuzzing client, with the limits of
//! production: what is echoed, which pings are answered, and the code that closes.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::iter;
use sm_common::auth::Role;
use tokio::time::timeout;

use crate::harness::World;
use crate::raw::{CLOSE, RawSocket, beginning};

const CASES: &str = include_str!("conformance/cases.txt");
/// How many cases each section has.
const SECTIONS: [(u32, usize); 9] = [
    (1, 16),
    (2, 11),
    (3, 7),
    (4, 10),
    (5, 20),
    (6, 145),
    (7, 37),
    (9, 54),
    (10, 1),
];
/// After so many bytes no other frame is sent: every limit was passed long before.
const SENT_MAX: usize = 512 << 10;

/// Cases that are played at the same time.
const AT_ONCE: usize = 16;
/// Longest wait for the end of one, below the patience of the socket itself.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(9);

/// First byte and payload.
type Frame = (u8, Vec<u8>);

struct Case {
    name: &'static str,
    sent: Vec<u8>,
    /// Bytes per write.
    step: usize,
    answers: Vec<Frame>,
    close: Option<u16>,
}

impl Case {
    fn parse(line: &'static str) -> Self {
        let fields: Vec<_> = line.split('|').map(str::trim).collect();
        let [name, step, frames, answers, close] = fields[..] else {
            panic!("no case: {line}")
        };
        let mut sent = Vec::new();
        for word in frames.split(' ').map(Word::parse) {
            for _ in 0..word.times {
                if sent.len() < SENT_MAX {
                    sent.extend(beginning(word.first, word.length, &word.payload()));
                }
            }
        }
        let answers = answers.split_terminator(' ').map(Word::parse);
        Self {
            name,
            step: step.parse().unwrap_or(sent.len()).max(1),
            sent,
            answers: answers
                .flat_map(|word| std::iter::repeat_n((word.first, word.payload()), word.times))
                .collect(),
            close: close.parse().ok(),
        }
    }

    /// What is wrong with the answers to this case; nothing when they are as expected.
    async fn fault(&self, world: &World, token: &str) -> Option<String> {
        let mut socket = RawSocket::open(&world.service, "/ws/echo", token, None).await;
        let exchange = socket.exchange(&self.sent, self.step);
        let Ok(mut heard) = timeout(ANSWER_TIMEOUT, exchange).await else {
            return Some(format!("{}: no end", self.name));
        };
        let last = heard.pop();
        let Some((CLOSE, reason)) = last else {
            return Some(format!("{}: ends without a close frame", self.name));
        };
        let code = reason
            .get(..2)
            .map(|code| u16::from_be_bytes([code[0], code[1]]));
        if code != self.close {
            return Some(format!("{}: {code:?} for {:?}", self.name, self.close));
        }
        (heard != self.answers).then(|| format!("{}: {:?}", self.name, shown(&heard)))
    }
}

/// One or several equal frames, such as `81:2a*125`, `88:03e8+2a*3` or `81:x100`.
struct Word {
    first: u8,
    /// The payload's parts, and how often each is repeated.
    parts: Vec<(Vec<u8>, usize)>,
    /// Bytes of the payload.
    length: usize,
    times: usize,
}

impl Word {
    fn parse(word: &str) -> Self {
        let (first, rest) = word.split_once(':').unwrap();
        let (parts, times) = rest.split_once('x').unwrap_or((rest, "1"));
        let parts: Vec<_> = parts
            .split('+')
            .map(|part| {
                let (bytes, times) = part.split_once('*').unwrap_or((part, "1"));
                (hexadecimal(bytes), times.parse().unwrap())
            })
            .collect();
        Self {
            first: u8::from_str_radix(first, 16).unwrap(),
            length: parts.iter().map(|(bytes, times)| bytes.len() * times).sum(),
            parts,
            times: times.parse().unwrap(),
        }
    }

    /// As much of the payload as is sent.
    fn payload(&self) -> Vec<u8> {
        let parts = self.parts.iter();
        let bytes = parts.map(|(bytes, times)| bytes.repeat((*times).min(SENT_MAX)));
        let mut payload: Vec<u8> = bytes.collect::<Vec<_>>().concat();
        payload.truncate(SENT_MAX);
        payload
    }
}

fn hexadecimal(digits: &str) -> Vec<u8> {
    let bytes = digits.as_bytes().chunks(2);
    bytes
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// First bytes and lengths: payloads are long.
fn shown(frames: &[Frame]) -> Vec<(u8, usize)> {
    let shown = frames
        .iter()
        .map(|(first, payload)| (*first, payload.len()));
    shown.take(20).collect()
}

#[tokio::test]
async fn every_case_of_the_fuzzing_client_is_answered_as_the_protocol_says() {
    let lines = CASES.lines();
    let cases: Vec<_> = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(Case::parse)
        .collect();
    let mut sections = BTreeMap::<u32, usize>::new();
    for case in &cases {
        let section = case.name.split('.').next().unwrap().parse().unwrap();
        *sections.entry(section).or_default() += 1;
    }
    assert_eq!(sections.into_iter().collect::<Vec<_>>(), SECTIONS);

    let world = World::with(&[("ws.echo", "true")]).await;
    let token = world.issuer.token(Role::Viewer);
    let faults = iter(&cases)
        .map(|case| case.fault(&world, &token))
        .buffer_unordered(AT_ONCE);
    let faults: Vec<_> = faults.filter_map(std::future::ready).collect().await;
    assert!(faults.is_empty(), "{faults:#?}");
}
