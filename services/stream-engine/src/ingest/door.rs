//! Who may publish, and where what they send goes.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use ipnet::IpNet;
use secrecy::{ExposeSecret as _, SecretString};
use sm_bus::{Bus, keys};
use sm_common::id::StreamId;
use sm_common::ingest::{IngestSecret, StreamKey};
use sm_common::layer::{IngestProtocol, Layer, LayerSource};
use sm_service_kit::{Lifecycle, secret};

use super::guesses::Guesses;
use super::relay::{PASSED_ON, Way};
use super::rtmp::{Limits, Status};
use super::seats::{Seat, Seats};
use super::ts::TsError;
use crate::config::IngestConfig;
use crate::live::shelf::Place;
use crate::metrics::IngestMetrics;
use crate::supervisor::Feeds;
use crate::tasks::Registry;

/// What publishers are let in by. One for all connections.
#[derive(Debug)]
pub(crate) struct Door {
    pub(super) config: IngestConfig,
    pub(super) trusted_proxies: Vec<IpNet>,
    pub(super) lifecycle: Lifecycle,
    pub(super) feeds: Feeds,
    pub(super) way: Way,
    pub(super) metrics: IngestMetrics,
    bus: Bus,
    registry: Registry,
    own_url: String,
    secret: IngestSecret,
    seats: Seats,
    guesses: Mutex<Guesses>,
}

/// What a door is made of.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) bus: Bus,
    pub(crate) registry: Registry,
    pub(crate) own_url: String,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) feeds: Feeds,
    pub(crate) connect_timeout: Duration,
    pub(crate) metrics: IngestMetrics,
}

/// Where an admitted feed goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// To this process's worker.
    Here,
    /// To the sibling at this base address.
    Elsewhere(String),
}

/// How a publisher has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entrance {
    /// By RTMP, to this application.
    Rtmp(String),
    /// By SRT.
    Srt,
}

impl Entrance {
    /// What a layer must take for a publisher to come in here; `None` of a feed that a sibling
    /// passes on, which has let it in by what the layer takes.
    fn protocol(&self) -> Option<IngestProtocol> {
        match self {
            Self::Rtmp(application) if application == PASSED_ON => None,
            Self::Rtmp(_) => Some(IngestProtocol::Rtmp),
            Self::Srt => Some(IngestProtocol::Srt),
        }
    }
}

/// A publisher that may come in.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) key: StreamKey,
    pub(super) goal: Goal,
    pub(super) seat: Seat,
    protocol: Option<IngestProtocol>,
}

/// Why somebody may not publish, or not any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("publish to the application `{0}`: rtmp://host:1935/{0}")]
    Application(String),
    #[error("the stream key is not valid; copy it from the layer")]
    Key,
    #[error("too many wrong stream keys came from this address; wait a minute")]
    TooManyGuesses,
    #[error(transparent)]
    StreamId(#[from] super::srt::StreamIdError),
    #[error("there are as many publishers as there may be")]
    TooManyPublishers,
    #[error("somebody else publishes with this stream key")]
    Occupied,
    #[error("no engine holds the stream at the moment; try again")]
    NoHolder,
    #[error("the stream has moved to another engine; connect again")]
    Moved,
    #[error("somebody else took over with this stream key")]
    TakenOver,
    #[error("the engine is being stopped; connect again")]
    Ending,
    #[error(transparent)]
    Unsupported(#[from] super::flv::Unsupported),
    #[error("nothing was sent for too long")]
    Silent,
    #[error("what was sent is not RTMP: {0}")]
    Protocol(#[from] super::rtmp::RtmpError),
    #[error("what was sent cannot be used: {0}")]
    Transport(TsError),
    #[error("{}", .0.description)]
    Sibling(Status),
    #[error("the engine that holds the stream ended the connection; connect again")]
    SiblingGone,
}

impl From<TsError> for Refusal {
    fn from(error: TsError) -> Self {
        match error {
            TsError::Unsupported(unsupported) => Self::Unsupported(unsupported),
            TsError::NoFrames | TsError::TooLarge => Self::Transport(error),
        }
    }
}

impl Refusal {
    /// As the encoder is told by RTMP.
    pub(super) fn status(&self) -> Status {
        let code = match self {
            Self::Application(_) => "NetConnection.Connect.InvalidApp",
            Self::Key | Self::Occupied | Self::TooManyGuesses | Self::StreamId(_) => {
                "NetStream.Publish.BadName"
            }
            Self::Unsupported(_) | Self::TakenOver => "NetStream.Publish.Denied",
            Self::NoHolder
            | Self::Moved
            | Self::Ending
            | Self::Silent
            | Self::Protocol(_)
            | Self::Transport(_)
            | Self::TooManyPublishers
            | Self::SiblingGone => "NetStream.Publish.Failed",
            Self::Sibling(status) => return status.clone(),
        };
        Status {
            code: code.into(),
            description: self.to_string(),
        }
    }

    /// The label in metrics and logs.
    pub(super) const fn reason(&self) -> &'static str {
        match self {
            Self::Application(_) => "application",
            Self::Key => "key",
            Self::StreamId(_) => "stream-id",
            Self::TooManyPublishers => "connections",
            Self::TooManyGuesses => "guesses",
            Self::Occupied => "occupied",
            Self::NoHolder => "no-holder",
            Self::Moved => "moved",
            Self::TakenOver => "taken-over",
            Self::Ending => "ending",
            Self::Unsupported(_) => "unsupported",
            Self::Silent => "silent",
            Self::Protocol(_) | Self::Transport(_) => "protocol",
            Self::Sibling(_) => "sibling",
            Self::SiblingGone => "sibling-gone",
        }
    }
}

impl Door {
    /// `None` where no secret is configured: then nobody can publish.
    pub(crate) fn open(
        config: &IngestConfig,
        surroundings: Surroundings,
    ) -> anyhow::Result<Option<Self>> {
        let Some(secret) = read_secret(&config.secret_file)? else {
            return Ok(None);
        };
        let limits = Limits {
            message_bytes_max: config.message_bytes_max,
        };
        Ok(Some(Self {
            way: Way {
                port: config.rtmp_port,
                connect: surroundings.connect_timeout,
                answer: config.open_timeout(),
                limits,
            },
            seats: Seats::new(config.takeover_after()),
            guesses: Mutex::new(Guesses::new(config.guesses_max, config.guess_window())),
            config: config.clone(),
            secret,
            bus: surroundings.bus,
            registry: surroundings.registry,
            own_url: surroundings.own_url,
            trusted_proxies: surroundings.trusted_proxies,
            lifecycle: surroundings.lifecycle,
            feeds: surroundings.feeds,
            metrics: surroundings.metrics,
        }))
    }

    /// Lets a publisher in, or says why not. Without an address, nobody's wrong keys are counted.
    pub(super) async fn admit(
        &self,
        entrance: &Entrance,
        key: &SecretString,
        address: Option<IpAddr>,
    ) -> Result<Admission, Refusal> {
        let protocol = entrance.protocol();
        if let (Entrance::Rtmp(application), Some(_)) = (entrance, protocol)
            && *application != self.config.application
        {
            return Err(Refusal::Application(self.config.application.clone()));
        }
        let permitted = address
            .is_none_or(|address| self.guesses(|guesses| guesses.permits(address, Instant::now())));
        if !permitted {
            return Err(Refusal::TooManyGuesses);
        }
        // Some encoders add what stands behind the key in their address.
        let text = key.expose_secret();
        let text = text.split(['?', '&']).next().unwrap_or_default();
        let known = match text.parse::<StreamKey>() {
            Ok(key) if self.is_valid(&key, protocol).await => Some(key),
            Ok(_) | Err(_) => None,
        };
        let Some(key) = known else {
            if let Some(address) = address {
                self.guesses(|guesses| guesses.wrong(address, Instant::now()));
            }
            return Err(Refusal::Key);
        };
        let goal = match self.goal(&key.stream) {
            Some(Goal::Elsewhere(_)) if protocol.is_none() => return Err(Refusal::NoHolder),
            goal => goal.ok_or(Refusal::NoHolder)?,
        };
        let seat = self.seats.take(key.layer, Instant::now());
        let seat = seat.map_err(|_occupied| Refusal::Occupied)?;
        Ok(Admission {
            key,
            goal,
            seat,
            protocol,
        })
    }

    /// Whether what was true at the admission still is.
    pub(super) async fn still_holds(&self, admission: &Admission) -> Result<(), Refusal> {
        if !self.is_valid(&admission.key, admission.protocol).await {
            return Err(Refusal::Key);
        }
        match self.goal(&admission.key.stream) {
            Some(now) if now == admission.goal => Ok(()),
            Some(_) => Err(Refusal::Moved),
            // Nobody else has it yet, so that the worker here may still be the one on air.
            None => Ok(()),
        }
    }

    /// Told whenever the stream or its scenes may have changed.
    pub(super) fn changes(&self, stream: &StreamId) -> Option<crate::tasks::Changes> {
        self.registry.changes(stream)
    }

    /// Whether it is the key of a layer that takes this protocol. Answers alike, and after the same
    /// work, for layers that are not there.
    async fn is_valid(&self, key: &StreamKey, protocol: Option<IngestProtocol>) -> bool {
        if self.registry.shelf(&key.stream).is_none() {
            return false;
        }
        let (layers, field) = (keys::layers(&key.stream), keys::layer_field(key.layer));
        let layer = match self.bus.hash_document::<Layer>(&layers, &field).await {
            Ok(layer) => layer,
            Err(error) => {
                tracing::debug!(%error, "a layer was not read; what is known of it counts");
                self.registry.layer(&key.stream, key.layer)
            }
        };
        let mut generation = None;
        if let Some(LayerSource::Ingest(source)) = layer.map(|layer| layer.source)
            && protocol.is_none_or(|protocol| protocol == source.protocol)
        {
            generation = Some(source.generation);
        }
        self.secret.verify(key, generation.unwrap_or(0)) && generation.is_some()
    }

    fn goal(&self, stream: &StreamId) -> Option<Goal> {
        match self.registry.shelf(stream)?.place() {
            Place::Here => Some(Goal::Here),
            // The lease is a predecessor's at this very address, or changes hands right now.
            Place::Elsewhere(holder) if holder == self.own_url => None,
            Place::Elsewhere(holder) => Some(Goal::Elsewhere(holder)),
            Place::Nowhere | Place::Unknown => None,
        }
    }

    fn guesses<T>(&self, look: impl FnOnce(&mut Guesses) -> T) -> T {
        look(&mut self.guesses.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn read_secret(file: &Path) -> anyhow::Result<Option<IngestSecret>> {
    let secret = secret::read(file, "ingest.secret_file")?;
    secret
        .map(|secret| IngestSecret::new(secret.expose_secret()))
        .transpose()
        .context("ingest.secret_file")
}
