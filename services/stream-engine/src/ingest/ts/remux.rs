//! From a transport stream to FLV tags.

use super::super::flv::{Role, Tag};
use super::aac::Aac;
use super::avc::{Avc, Times};
use super::clock::Clock;
use super::packet::{Continuity, Order, Packet, Packets};
use super::pes::{Frame, Gathered, Gathering};
use super::section::Sections;
use super::tables::{PROGRAMS_PID, Program, first_program, program};
use super::{Limits, TsError};

/// A transport stream on its way to being FLV.
#[derive(Debug)]
pub(crate) struct Remuxer {
    limits: Limits,
    packets: Packets,
    programs: Sections,
    /// The table of the program that is taken.
    table: Option<(u16, Sections)>,
    video: Option<Track<Avc>>,
    audio: Option<Track<Aac>>,
    clock: Clock,
    /// Bytes since the last whole frame.
    fruitless_bytes: usize,
}

/// The picture or the sound.
#[derive(Debug)]
struct Track<C> {
    pid: u16,
    continuity: Continuity,
    gathering: Gathering,
    codec: C,
}

impl Remuxer {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            packets: Packets::default(),
            programs: Sections::default(),
            table: None,
            video: None,
            audio: None,
            clock: Clock::default(),
            fruitless_bytes: 0,
        }
    }

    /// Takes what has arrived; what has come of it.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Tag>, TsError> {
        let mut tags = Vec::new();
        self.fruitless_bytes = self.fruitless_bytes.saturating_add(bytes.len());
        self.packets.feed(bytes);
        while let Some(bytes) = self.packets.next() {
            if let Some(packet) = Packet::read(&bytes) {
                self.take(&packet, &mut tags)?;
            }
        }
        if self.fruitless_bytes > self.limits.frame_bytes_max {
            return Err(TsError::NoFrames);
        }
        Ok(tags)
    }

    /// No more comes; what has come of the last frames.
    pub(crate) fn finish(&mut self) -> Result<Vec<Tag>, TsError> {
        let mut tags = Vec::new();
        if let Some(track) = &mut self.video
            && let Some(picture) = track.gathering.finish()
        {
            self.show(picture, &mut tags);
        }
        if let Some(track) = &mut self.audio
            && let Some(sound) = track.gathering.finish()
        {
            self.sound(sound, &mut tags)?;
        }
        Ok(tags)
    }

    fn take(&mut self, packet: &Packet<'_>, tags: &mut Vec<Tag>) -> Result<(), TsError> {
        if packet.pid == PROGRAMS_PID {
            self.find_table(packet);
        } else if self
            .table
            .as_ref()
            .is_some_and(|(pid, _)| *pid == packet.pid)
        {
            self.find_tracks(packet)?;
        } else if let Some(track) = of_packet(&mut self.video, packet) {
            let (begun, ended) = track.take(packet, Avc::lose)?;
            for picture in [begun, ended].into_iter().flatten() {
                self.show(picture, tags);
            }
        } else if let Some(track) = of_packet(&mut self.audio, packet) {
            let (begun, ended) = track.take(packet, Aac::lose)?;
            for sound in [begun, ended].into_iter().flatten() {
                self.sound(sound, tags)?;
            }
        }
        Ok(())
    }

    fn find_table(&mut self, packet: &Packet<'_>) {
        for section in self.programs.take(packet) {
            let pid = first_program(&section);
            if let Some(pid) =
                pid.filter(|pid| self.table.as_ref().is_none_or(|(known, _)| known != pid))
            {
                self.table = Some((pid, Sections::default()));
            }
        }
    }

    fn find_tracks(&mut self, packet: &Packet<'_>) -> Result<(), TsError> {
        let Some((_, table)) = &mut self.table else {
            return Ok(());
        };
        for section in table.take(packet) {
            if let Some(program) = program(&section) {
                let Program { video, audio } = program?;
                assign(&mut self.video, video, self.limits);
                assign(&mut self.audio, audio, self.limits);
            }
        }
        Ok(())
    }

    /// Pictures come one in a packet, as encoders send them.
    fn show(&mut self, picture: Gathered, tags: &mut Vec<Tag>) {
        let Some(track) = &mut self.video else {
            return;
        };
        let Gathered::Whole(Frame {
            shown: Some(shown),
            decoded,
            data,
        }) = picture
        else {
            track.codec.lose();
            return;
        };
        self.fruitless_bytes = 0;
        let decoded = self.clock.at(decoded.unwrap_or(shown));
        let shown = self.clock.near(shown, decoded);
        track.codec.push(Times { decoded, shown }, &data, tags);
    }

    fn sound(&mut self, sound: Gathered, tags: &mut Vec<Tag>) -> Result<(), TsError> {
        let Some(track) = &mut self.audio else {
            return Ok(());
        };
        let Gathered::Whole(frame) = sound else {
            track.codec.lose();
            return Ok(());
        };
        self.fruitless_bytes = 0;
        let at = frame.shown.map(|shown| self.clock.at(shown));
        let mut heard = Vec::new();
        track.codec.push(at, &frame.data, &mut heard)?;
        // Where there is a picture, a reader begins with it.
        let waits = self
            .video
            .as_ref()
            .is_some_and(|video| !video.codec.has_begun());
        tags.extend(
            heard
                .into_iter()
                .filter(|tag| !waits || tag.role == Role::AudioHeader),
        );
        Ok(())
    }
}

impl<C> Track<C> {
    /// What became of the frame that ends where this packet begins one, and of the one that it
    /// ends itself.
    fn take(
        &mut self,
        packet: &Packet<'_>,
        lose: impl Fn(&mut C),
    ) -> Result<(Option<Gathered>, Option<Gathered>), TsError> {
        match self.continuity.note(packet) {
            Order::Next => {}
            Order::Skip => return Ok((None, None)),
            Order::AfterGap => {
                self.gathering.forget();
                lose(&mut self.codec);
            }
            Order::Broken => {
                self.gathering.forget();
                lose(&mut self.codec);
                return Ok((None, None));
            }
        }
        let begun = if packet.starts {
            self.gathering.begin()
        } else {
            None
        };
        Ok((begun, self.gathering.add(packet.payload)?))
    }
}

/// The track, if it is the packet's.
fn of_packet<'a, C>(
    track: &'a mut Option<Track<C>>,
    packet: &Packet<'_>,
) -> Option<&'a mut Track<C>> {
    track.as_mut().filter(|track| track.pid == packet.pid)
}

/// A track that stays where it was goes on.
fn assign<C: Default>(track: &mut Option<Track<C>>, pid: Option<u16>, limits: Limits) {
    if track.as_ref().map(|track| track.pid) != pid {
        *track = pid.map(|pid| Track {
            pid,
            continuity: Continuity::default(),
            gathering: Gathering::new(limits.frame_bytes_max),
            codec: C::default(),
        });
    }
}
