/// Longest control frame's payload.
const CONTROL_BYTES_MAX: usize = 125;
const HEAD_BYTES_MAX: usize = 10;
const MASK: [u8; 4] = [7, 77, 177, 250];

/// What a piece of a server's frames is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Some of a message.
    Message(&'a [u8]),
    /// A whole ping.
    Ping(Vec<u8>),
    /// The server closes.
    Close,
}

/// Reads a server's frames as they come, in pieces of any size, without keeping messages.
#[derive(Debug, Default)]
pub(super) struct Frames {
    head: Vec<u8>,
    opcode: u8,
    left: usize,
    control: Vec<u8>,
}

impl Frames {
    /// Takes in what was read, and hands out what is in it.
    pub(super) fn take<'a>(&mut self, mut bytes: &'a [u8], mut heed: impl FnMut(Piece<'a>)) {
        while !bytes.is_empty() {
            if self.left == 0 {
                let Some((first, rest)) = bytes.split_first() else {
                    return;
                };
                bytes = rest;
                self.head.push(*first);
                let Some(length) = length(&self.head) else {
                    continue;
                };
                self.opcode = self.head.first().copied().unwrap_or_default() & 0x0f;
                self.left = length;
                self.head.clear();
                if length == 0 {
                    self.end(&mut heed);
                }
                continue;
            }
            let (piece, rest) = bytes.split_at(self.left.min(bytes.len()));
            bytes = rest;
            self.left -= piece.len();
            if self.is_control() {
                self.control.extend_from_slice(piece);
            } else {
                heed(Piece::Message(piece));
            }
            if self.left == 0 {
                self.end(&mut heed);
            }
        }
    }

    const fn is_control(&self) -> bool {
        self.opcode & 8 != 0
    }

    fn end<'a>(&mut self, heed: &mut impl FnMut(Piece<'a>)) {
        let control = std::mem::take(&mut self.control);
        match self.opcode {
            8 => heed(Piece::Close),
            9 => heed(Piece::Ping(control)),
            _ => {}
        }
    }
}

/// The length that a complete head gives.
fn length(head: &[u8]) -> Option<usize> {
    debug_assert!(head.len() <= HEAD_BYTES_MAX, "a server masks nothing");
    let (_opcode, rest) = head.split_first()?;
    let (short, long) = rest.split_first()?;
    match short {
        126 => Some(u16::from_be_bytes(long.try_into().ok()?).into()),
        127 => usize::try_from(u64::from_be_bytes(long.try_into().ok()?)).ok(),
        short => Some((*short).into()),
    }
}

/// A short frame as a client sends it.
pub(super) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match u8::try_from(payload.len()) {
        Ok(short) if payload.len() <= CONTROL_BYTES_MAX => frame.push(0x80 | short),
        _ => {
            frame.push(0x80 | 0x7e);
            let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
            frame.extend_from_slice(&length.to_be_bytes());
        }
    }
    frame.extend_from_slice(&MASK);
    let mask = MASK.iter().cycle();
    frame.extend(payload.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_wherever_they_are_cut() {
        let mut bytes = vec![0x81, 3, b'a', b'b', b'c', 0x89, 2, b'h', b'i', 0x89, 0];
        bytes.extend([0x81, 126, 0, 200]);
        bytes.extend([b'x'; 200]);
        bytes.extend([0x88, 2, 3, 232]);
        for size in 1..bytes.len() {
            let (mut messages, mut others) = (Vec::new(), Vec::new());
            let mut frames = Frames::default();
            for part in bytes.chunks(size) {
                frames.take(part, |piece| match piece {
                    Piece::Message(piece) => messages.extend_from_slice(piece),
                    Piece::Ping(payload) => others.push(payload),
                    Piece::Close => others.push(b"close".to_vec()),
                });
            }
            assert_eq!(messages.len(), 203, "{size}");
            assert!(messages.starts_with(b"abcx"));
            assert_eq!(others, [&b"hi"[..], b"", b"close"], "{size}");
        }
    }
}
