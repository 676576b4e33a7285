use std::sync::Arc;

use crate::fmp4::AAC_PACKET_SAMPLES;
use crate::pipeline::encoded::EncodedPacket;

/// Packets that may wait for the encoder that is replaced to come to its end.
const HELD_MAX: usize = 256;

/// Lets the packets of one encoder of the sound out, and from some packet on those of another, in
/// order and without one too many. Pure.
///
/// A packet of AAC is decoded together with the one before it. Both encoders are given the same
/// samples around the change, so two packets that come from different encoders fit together as
/// two of the same one do.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// How to decode what is let out.
    pub(super) configuration: Option<Arc<[u8]>>,
    speaking: u64,
    /// Position of its first packet that is let out.
    since: u64,
    next: Option<Next>,
}

#[derive(Debug)]
struct Next {
    encoder: u64,
    /// Position of its first packet that is let out.
    from: u64,
    held: Vec<EncodedPacket>,
}

impl Gate {
    /// The encoder whose packets are let out now.
    pub(super) const fn speaking(&self) -> u64 {
        self.speaking
    }

    /// From the packet at this position on, another encoder's are let out.
    pub(super) fn change_at(&mut self, from: u64, encoder: u64) {
        self.next = Some(Next {
            encoder,
            from,
            held: Vec::new(),
        });
    }

    /// The encoder that lets its packets out now goes on by itself.
    pub(super) fn stay(&mut self) {
        self.next = None;
    }

    /// What is let out of this encoder's packet, and of those that waited for it.
    pub(super) fn pass(&mut self, encoder: u64, packet: EncodedPacket) -> Vec<EncodedPacket> {
        match &mut self.next {
            Some(next) if encoder == next.encoder => {
                if packet.position >= next.from && next.held.len() < HELD_MAX {
                    next.held.push(packet);
                }
                Vec::new()
            }
            Some(next) if encoder == self.speaking => {
                let end = packet.position + u64::from(AAC_PACKET_SAMPLES);
                let is_theirs = packet.position >= next.from;
                let mut out: Vec<EncodedPacket> =
                    (!is_theirs).then_some(packet).into_iter().collect();
                if end >= next.from {
                    (self.speaking, self.since) = (next.encoder, next.from);
                    out.append(&mut next.held);
                    self.next = None;
                }
                out
            }
            None if encoder == self.speaking && packet.position >= self.since => vec![packet],
            Some(_) | None => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(index: u64) -> EncodedPacket {
        EncodedPacket {
            position: index * 1024,
            data: Arc::from([0]),
        }
    }

    /// Encoder and packet of all that is let out, for packets in this order.
    fn let_out(gate: &mut Gate, order: &[(u64, u64)]) -> Vec<u64> {
        order
            .iter()
            .flat_map(|(encoder, index)| gate.pass(*encoder, packet(*index)))
            .map(|packet| packet.position / 1024)
            .collect()
    }

    #[test]
    fn one_encoder_goes_on_where_the_other_ends_whichever_is_first() {
        let behind = [
            (0, 4),
            (1, 4),
            (0, 5),
            (1, 5),
            (0, 6),
            (1, 6),
            (1, 7),
            (0, 7),
        ];
        let ahead = [
            (1, 5),
            (1, 6),
            (0, 4),
            (1, 7),
            (0, 5),
            (1, 8),
            (0, 6),
            (0, 7),
        ];
        for (order, last) in [(behind, 7), (ahead, 8)] {
            let mut gate = Gate::default();
            assert_eq!(let_out(&mut gate, &[(0, 3), (1, 3)]), [3]);
            gate.change_at(6 * 1024, 1);
            let expected: Vec<u64> = (4..=last).collect();
            assert_eq!(let_out(&mut gate, &order), expected);
            assert_eq!(gate.speaking(), 1);
        }
    }

    #[test]
    fn an_encoder_that_stays_goes_on_by_itself() {
        let mut gate = Gate::default();
        gate.change_at(2 * 1024, 1);
        assert_eq!(let_out(&mut gate, &[(0, 0), (1, 2)]), [0]);
        gate.stay();
        assert_eq!(let_out(&mut gate, &[(0, 1), (1, 3), (0, 2)]), [1, 2]);
    }
}
