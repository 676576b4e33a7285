//! The program with the least delay: WebRTC sessions that browsers open by WHEP
//! (draft-ietf-wish-whep).
//!
//! ```text
//! worker's tap ──▶ feed (one a stream) ──▶ session (one a viewer) ──▶ one UDP socket ──▶ viewers
//!                                             ▲────── demultiplexer ◀──────┘
//! ```
//!
//! Architecture invariants: nothing is encoded for a viewer; what a viewer does not take in time is
//! left out, as whole groups of pictures, and holds up neither the worker nor another viewer. The
//! socket is one for all sessions: they are told apart by the names of their ICE credentials, and
//! then by the addresses that used them.

mod candidate;
mod certificate;
mod demux;
mod feed;
mod ice_server;
mod loss;
mod metrics;
mod moment;
mod negotiation;
mod profile;
mod session;
mod socket;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sm_common::id::StreamId;
use sm_service_kit::Lifecycle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) use candidate::CandidateAddress;
use certificate::Identity;
use demux::Route;
use feed::Feed;
pub(crate) use feed::Feeds;
pub(crate) use ice_server::IceServer;
pub(crate) use metrics::Metrics;
use moment::Moments;
pub(crate) use negotiation::OfferRefused;
use negotiation::{Negotiated, Terms, negotiate};
use session::{Ending, Session, Viewer};
use socket::Port;

use crate::config::WebrtcConfig;
use crate::live::shelf::Shelf;

/// Datagrams that wait for a session; more are dropped, as the network would.
const DATAGRAMS_WAITING_MAX: usize = 64;

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// It is switched off.
    #[error("WebRTC is switched off here (webrtc.enabled); play the playlist instead")]
    Disabled,
    /// There are as many sessions as there may be.
    #[error("there are {0} WebRTC viewers, and no more may be; play the playlist instead")]
    Full(usize),
    /// The worker gives nothing.
    #[error("the stream's media worker gave no picture in time")]
    NoPicture,
    /// The offer does not do.
    #[error(transparent)]
    Offer(#[from] OfferRefused),
    /// What negotiates broke.
    #[error("the offer could not be worked on")]
    Broken(#[source] tokio::task::JoinError),
}

/// Who wants to watch.
#[derive(Clone, Debug)]
pub(crate) struct Asking {
    pub(crate) stream: StreamId,
    pub(crate) shelf: Arc<Shelf>,
    /// The SDP offer.
    pub(crate) offer: String,
    pub(crate) address: IpAddr,
    pub(crate) user_agent: String,
}

/// A session that waits for its viewer.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) session: Uuid,
    /// The SDP answer.
    pub(crate) answer: String,
    /// Names the ICE session; another name would mean that it was restarted.
    pub(crate) ice: String,
}

/// The sessions of this process. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Webrtc(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    config: WebrtcConfig,
    lifecycle: Lifecycle,
    metrics: Metrics,
    identity: Identity,
    moments: Moments,
    port: Port,
    feeds: Feeds,
    /// A std lock: it is held for a look-up, never across an await.
    sessions: Mutex<HashMap<Uuid, Known>>,
}

#[derive(Debug)]
struct Known {
    stream: StreamId,
    end: CancellationToken,
}

/// A place among the sessions; free again when this is dropped.
#[derive(Debug)]
struct Seat {
    webrtc: Arc<Inner>,
    session: Uuid,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.webrtc.sessions().remove(&self.session);
        self.webrtc.port.forget(self.session);
    }
}

impl Webrtc {
    /// Opens the UDP port, unless WebRTC is switched off.
    pub(crate) async fn start(
        config: &WebrtcConfig,
        bind: IpAddr,
        own: Option<IpAddr>,
        feeds: Feeds,
        lifecycle: &Lifecycle,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        if !config.enabled {
            return Ok(Self(None));
        }
        let port = Port::open(bind, config, own).await?;
        tracing::info!(address = %port.address(), "WebRTC sessions come in here");
        let inner = Inner {
            config: config.clone(),
            lifecycle: lifecycle.clone(),
            metrics,
            identity: Identity::generate()?,
            moments: Moments::start(),
            port,
            feeds,
            sessions: Mutex::default(),
        };
        let inner = Arc::new(inner);
        lifecycle.spawn(inner.port.listen(lifecycle.stopping().clone()));
        Ok(Self(Some(inner)))
    }

    /// ICE servers that clients are told of.
    pub(crate) fn ice_servers(&self) -> &[IceServer] {
        self.0
            .as_ref()
            .map_or(&[], |inner| inner.config.ice_servers.as_slice())
    }

    /// Answers an offer; the session is there from then on.
    pub(crate) async fn open(&self, asking: Asking) -> Result<Opened, OpenError> {
        let inner = self.0.as_ref().ok_or(OpenError::Disabled)?;
        let end = CancellationToken::new();
        let seat = inner.take_seat(&asking.stream, &end)?;
        let feed = inner.feeds.join(&asking.stream, &asking.shelf);
        let profile = tokio::time::timeout(inner.config.first_picture(), feed.profile());
        let profile = profile.await.ok().flatten().ok_or(OpenError::NoPicture)?;
        let candidates = inner.port.candidates().await;
        let terms = Terms {
            identity: inner.identity.clone(),
            candidates: candidates.clone(),
            profile,
        };
        let offer = asking.offer.clone();
        // Keys are made and names are signed; and what an offer may do to a parser stays there.
        let negotiated =
            tokio::task::spawn_blocking(move || negotiate(&offer, &terms, Instant::now()));
        let negotiated = negotiated.await.map_err(OpenError::Broken)??;
        Ok(inner.begin(asking, seat, feed, negotiated, candidates, end))
    }

    /// Ends a session of a stream. Whether there was one.
    pub(crate) fn close(&self, stream: &StreamId, session: Uuid) -> bool {
        let Some(inner) = &self.0 else {
            return false;
        };
        let sessions = inner.sessions();
        let known = sessions
            .get(&session)
            .filter(|known| known.stream == *stream);
        known.inspect(|known| known.end.cancel()).is_some()
    }
}

impl Inner {
    fn take_seat(
        self: &Arc<Self>,
        stream: &StreamId,
        end: &CancellationToken,
    ) -> Result<Seat, OpenError> {
        let mut sessions = self.sessions();
        let of_stream = sessions.values().filter(|known| known.stream == *stream);
        for (count, most) in [
            (of_stream.count(), self.config.sessions_per_stream_max),
            (sessions.len(), self.config.sessions_max),
        ] {
            if count >= most {
                return Err(OpenError::Full(most));
            }
        }
        let session = Uuid::new_v4();
        let known = Known {
            stream: stream.clone(),
            end: end.clone(),
        };
        sessions.insert(session, known);
        Ok(Seat {
            webrtc: Arc::clone(self),
            session,
        })
    }

    fn begin(
        &self,
        asking: Asking,
        seat: Seat,
        feed: Arc<Feed>,
        negotiated: Negotiated,
        candidates: Vec<std::net::SocketAddr>,
        end: CancellationToken,
    ) -> Opened {
        let Negotiated {
            rtc,
            answer,
            tracks,
            ufrag,
        } = negotiated;
        let (inbox, datagrams) = mpsc::channel(DATAGRAMS_WAITING_MAX);
        let route = Route {
            session: seat.session,
            inbox,
        };
        self.port.expect(ufrag.clone(), route);
        let opened = Opened {
            session: seat.session,
            answer,
            ice: ufrag,
        };
        let metrics = self.metrics.of(&asking.stream);
        let session = Session {
            rtc,
            tracks,
            socket: self.port.socket(),
            candidates,
            datagrams,
            units: feed.units(),
            profile: feed.latest_profile(),
            moments: self.moments,
            limits: self.config.clone(),
            viewer: Viewer {
                watching: Arc::clone(&asking.shelf.watching),
                address: asking.address,
                user_agent: asking.user_agent,
            },
            metrics: metrics.clone(),
            end,
            draining: self.lifecycle.closing().clone(),
        };
        let stream = asking.stream;
        self.lifecycle.spawn(async move {
            let id = seat.session;
            tracing::info!(stream.id = %stream, session.id = %id, "a WebRTC session begins");
            metrics.began();
            // A task of its own: what a peer could do to a session is done to that one alone.
            let ending = tokio::spawn(session.run()).await.unwrap_or(Ending::Failed);
            metrics.ended(ending.code());
            tracing::info!(stream.id = %stream, session.id = %id, ending = ending.code(), "a WebRTC session ends");
            drop((seat, feed));
        });
        opened
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<Uuid, Known>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
