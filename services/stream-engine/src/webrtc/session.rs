//! One viewer: a task that hears the viewer's datagrams and the program's units, and sends.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sm_media_protocol::TapKind;
use str0m::media::{Frequency, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::{Event, IceConnectionState, Input, Output, Rtc, RtcError};
use tokio::net::UdpSocket;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::demux::Datagram;
use super::feed::Unit;
use super::loss::LossWatch;
use super::metrics::StreamMetrics;
use super::moment::Moments;
use super::negotiation::Tracks;
use super::profile::Profile;
use crate::config::WebrtcConfig;
use crate::live::viewers::Watching;

/// How often a viewer is counted among those that watch.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Somebody with the session's address deleted it.
    Deleted,
    /// The viewer hung up.
    Left,
    /// The viewer never came.
    NeverCame,
    /// Nothing was heard of the viewer for too long.
    Silent,
    /// The viewer's network does not carry the program.
    TooSlow,
    /// There is no program any more, or it is another process's.
    OffAir,
    /// The program is encoded differently from what was agreed on.
    FormatChanged,
    /// This process is about to end.
    Draining,
    /// The connection broke in a way that is nobody's wish.
    Failed,
}

impl Ending {
    /// Its name in metrics and logs.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Left => "left",
            Self::NeverCame => "never-came",
            Self::Silent => "silent",
            Self::TooSlow => "too-slow",
            Self::OffAir => "off-air",
            Self::FormatChanged => "format-changed",
            Self::Draining => "draining",
            Self::Failed => "failed",
        }
    }
}

/// Who watches, for the count.
#[derive(Debug)]
pub(super) struct Viewer {
    pub(super) watching: Arc<Watching>,
    pub(super) address: IpAddr,
    pub(super) user_agent: String,
}

/// Everything of one session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) rtc: Rtc,
    pub(super) tracks: Tracks,
    pub(super) socket: Arc<UdpSocket>,
    /// Where the viewer was told to send.
    pub(super) candidates: Vec<SocketAddr>,
    pub(super) datagrams: mpsc::Receiver<Datagram>,
    pub(super) units: broadcast::Receiver<Unit>,
    pub(super) profile: watch::Receiver<Option<Profile>>,
    pub(super) moments: Moments,
    pub(super) limits: WebrtcConfig,
    pub(super) viewer: Viewer,
    pub(super) metrics: StreamMetrics,
    pub(super) end: CancellationToken,
    pub(super) draining: CancellationToken,
}

/// Where a session is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The viewer has until then to come.
    Expected { until: Instant },
    /// The viewer is there and waits for the next keyframe, which comes by itself at its distance.
    Connected,
    /// The viewer is sent everything.
    Playing,
}

/// What a session has of its viewer at the moment.
struct State {
    phase: Phase,
    heard_at: Instant,
    counted_at: Option<Instant>,
    loss: LossWatch,
    agreed: Option<Profile>,
}

enum Happening {
    Time,
    Datagram(Datagram),
    Unit(Unit),
    /// So many units were not taken in time.
    Missed(u64),
}

impl Session {
    /// Serves the viewer to the end, and says goodbye.
    pub(super) async fn run(mut self) -> Ending {
        let now = Instant::now();
        let wait = self.limits.connect_max();
        let mut state = State {
            phase: Phase::Expected {
                until: now.checked_add(wait).unwrap_or(now),
            },
            heard_at: now,
            counted_at: None,
            loss: LossWatch::new(self.limits.loss_max(), self.limits.loss_patience()),
            agreed: *self.profile.borrow(),
        };
        let Err(ending) = self.serve(&mut state).await;
        self.hang_up().await;
        ending
    }

    async fn serve(&mut self, state: &mut State) -> Result<std::convert::Infallible, Ending> {
        loop {
            let due = self.send_all(state).await?;
            let happening = self.next(due).await?;
            let now = Instant::now();
            match happening {
                Happening::Time => self.handle(Input::Timeout(now))?,
                Happening::Datagram(datagram) => self.hear(&datagram, state)?,
                Happening::Unit(unit) => self.play(&unit, state)?,
                Happening::Missed(units) => {
                    self.metrics.units_missed(units);
                    if state.phase == Phase::Playing {
                        state.phase = Phase::Connected;
                    }
                }
            }
            self.look(state, now)?;
        }
    }

    /// Waits for what happens next, until `due` at the latest.
    async fn next(&mut self, due: Instant) -> Result<Happening, Ending> {
        tokio::select! {
            () = self.end.cancelled() => Err(Ending::Deleted),
            () = self.draining.cancelled() => Err(Ending::Draining),
            Some(datagram) = self.datagrams.recv() => Ok(Happening::Datagram(datagram)),
            unit = self.units.recv() => match unit {
                Ok(unit) => Ok(Happening::Unit(unit)),
                Err(RecvError::Lagged(units)) => Ok(Happening::Missed(units)),
                Err(RecvError::Closed) => Err(Ending::OffAir),
            },
            changed = self.profile.changed() => match changed {
                Ok(()) => Ok(Happening::Time),
                Err(_over) => Err(Ending::OffAir),
            },
            () = tokio::time::sleep_until(due.into()) => Ok(Happening::Time),
        }
    }

    /// Sends what there is to send; returns when to look again though nothing happens.
    async fn send_all(&mut self, state: &mut State) -> Result<Instant, Ending> {
        loop {
            match self.rtc.poll_output().map_err(|error| broken(&error))? {
                Output::Timeout(due) => {
                    if !self.rtc.is_alive() {
                        return Err(Ending::Left);
                    }
                    return Ok(due.min(looks_at(state)));
                }
                Output::Transmit(transmit) => {
                    let bytes = transmit.contents.len();
                    let sent = self
                        .socket
                        .send_to(&transmit.contents, transmit.destination);
                    // What the network does not take is lost, as on its way.
                    if sent.await.is_ok() {
                        self.metrics.sent(bytes);
                    }
                }
                Output::Event(event) => self.note(&event, state)?,
            }
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "most of what the library can tell is of no interest to somebody who only sends"
    )]
    fn note(&mut self, event: &Event, state: &mut State) -> Result<(), Ending> {
        match event {
            Event::Connected => {
                state.phase = Phase::Connected;
                self.metrics.connected();
            }
            Event::Closed => return Err(Ending::Left),
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                return Err(Ending::Silent);
            }
            // The keyframe that comes at its distance answers all of them at once: one in between
            // would cost every viewer and output, and shorten segments.
            Event::KeyframeRequest(_) => self.metrics.keyframe_requested(),
            Event::MediaEgressStats(sent) => {
                let video = sent.mid == self.tracks.video.mid;
                if let Some(lost) = sent.loss.filter(|_| video)
                    && state.loss.reported(lost, Instant::now())
                {
                    return Err(Ending::TooSlow);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn hear(&mut self, datagram: &Datagram, state: &mut State) -> Result<(), Ending> {
        let destination = self.destination(datagram.source);
        let received = Receive::new(Protocol::Udp, datagram.source, destination, &datagram.bytes);
        let Ok(received) = received else {
            return Ok(());
        };
        let input = Input::Receive(datagram.at, received);
        // Anybody may have sent it.
        if !self.rtc.accepts(&input) {
            return Ok(());
        }
        state.heard_at = datagram.at;
        self.handle(input)
    }

    /// The address that a datagram from there was sent to, as the viewer knows it.
    fn destination(&self, source: SocketAddr) -> SocketAddr {
        let same = |candidate: &&SocketAddr| candidate.is_ipv4() == source.is_ipv4();
        let mut candidates = self.candidates.iter();
        let first = candidates.clone().next().copied();
        candidates.find(same).copied().or(first).unwrap_or(source)
    }

    fn handle(&mut self, input: Input<'_>) -> Result<(), Ending> {
        self.rtc.handle_input(input).map_err(|error| broken(&error))
    }

    fn play(&mut self, unit: &Unit, state: &mut State) -> Result<(), Ending> {
        match (state.phase, unit.kind) {
            (Phase::Connected, TapKind::Keyframe) => state.phase = Phase::Playing,
            (Phase::Playing, _) => {}
            // Sound needs no keyframe, but begins with the picture.
            (Phase::Expected { .. } | Phase::Connected, _) => return Ok(()),
        }
        let (track, clock, kind) = match unit.kind {
            TapKind::Sound => (
                self.tracks.audio,
                Frequency::FORTY_EIGHT_KHZ,
                MediaKind::Audio,
            ),
            TapKind::Frame | TapKind::Keyframe | TapKind::Parameters => (
                Some(self.tracks.video),
                Frequency::NINETY_KHZ,
                MediaKind::Video,
            ),
        };
        let Some(track) = track else {
            return Ok(());
        };
        let Some(writer) = self.rtc.writer(track.mid) else {
            return Err(Ending::Failed);
        };
        let at = self.moments.instant(unit.moment_ns);
        let time = self.moments.media_time(unit.moment_ns, clock);
        let written = writer.write(track.pt, at, time, Arc::clone(&unit.data));
        written.map_err(|error| {
            tracing::warn!(%error, ?kind, "a WebRTC session takes no media");
            Ending::Failed
        })
    }

    /// Looks for what only time shows.
    fn look(&mut self, state: &mut State, now: Instant) -> Result<(), Ending> {
        if *self.profile.borrow_and_update() != state.agreed {
            return Err(Ending::FormatChanged);
        }
        match state.phase {
            Phase::Expected { until } if now >= until => return Err(Ending::NeverCame),
            Phase::Expected { .. } => return Ok(()),
            Phase::Connected | Phase::Playing => {}
        }
        let silence = now.saturating_duration_since(state.heard_at);
        if silence >= self.limits.silence_max() {
            return Err(Ending::Silent);
        }
        let counted = state.counted_at.map(|at| now.saturating_duration_since(at));
        if counted.is_none_or(|ago| ago >= COUNT_EVERY) {
            let Viewer {
                watching,
                address,
                user_agent,
            } = &self.viewer;
            watching.saw(*address, user_agent, now);
            state.counted_at = Some(now);
        }
        Ok(())
    }

    /// Tells the viewer that nothing more comes, as far as it still listens.
    async fn hang_up(&mut self) {
        if self.rtc.close().is_err() {
            return;
        }
        while let Ok(Output::Transmit(transmit)) = self.skip_events() {
            let sent = self
                .socket
                .send_to(&transmit.contents, transmit.destination);
            drop(sent.await);
        }
    }

    fn skip_events(&mut self) -> Result<Output, RtcError> {
        loop {
            match self.rtc.poll_output()? {
                Output::Event(_) => {}
                output @ (Output::Transmit(_) | Output::Timeout(_)) => return Ok(output),
            }
        }
    }
}

/// When [`Session::look`] may find something.
fn looks_at(state: &State) -> Instant {
    let moment = match state.phase {
        Phase::Expected { until } => Some(until),
        Phase::Connected | Phase::Playing => Instant::now().checked_add(COUNT_EVERY),
    };
    moment.unwrap_or(state.heard_at)
}

fn broken(error: &RtcError) -> Ending {
    tracing::warn!(%error, "a WebRTC session breaks");
    Ending::Failed
}
