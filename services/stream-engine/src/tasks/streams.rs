use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use sm_bus::{Bus, Signal};
use sm_common::event::Channel;
use sm_common::id::{LayerId, StreamId};
use sm_common::layer::Layer;
use sm_service_kit::Kit;
use sm_service_kit::health::Need;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Interval;

use super::audience::AudienceReader;
use crate::admission::Admission;
use crate::chat::{Chat, ChatReader, ReaderEnds};
use crate::config::Config;
use crate::copies::Copies;
use crate::lease::{Address, Keeper, LeaseView, Terms};
use crate::live::archive::{self, Archive};
use crate::live::playlist::Playlist;
use crate::live::shelf::Shelf;
use crate::live::snapshot::{Motif, Snapshots};
use crate::live::viewers::Watching;
use crate::metrics::Metrics;
use crate::store::{self, Reader, Wanted};
use crate::stream::{self, Inputs, Surroundings};
use crate::supervisor::Feeds;

/// Snapshot requests that wait for a stream's task at most; there is one at a time.
const SNAPSHOTS_MAX: usize = 4;
/// Heirs that wait for an answer at most; there is one at a time.
const HANDOVERS_MAX: usize = 1;

/// The streams that this process looks after. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry {
    /// A std lock: it is held for a look-up, never across an await.
    streams: Arc<RwLock<BTreeMap<StreamId, Known>>>,
}

#[derive(Clone, Debug)]
struct Known {
    shelf: Arc<Shelf>,
    /// Told when what is wanted of it may have changed, with the trace of the change.
    changed: watch::Sender<Option<String>>,
    /// What is wanted of it, as far as it is known.
    wanted: watch::Receiver<Wanted>,
    /// Longest distance between two looks.
    look: Duration,
}

/// Moments at which a stream or its scenes may have changed.
#[derive(Debug)]
pub(crate) struct Changes {
    changed: watch::Receiver<Option<String>>,
    regularly: Interval,
}

impl Changes {
    /// Returns at the next such moment. Cancel-safe.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            Ok(()) = self.changed.changed() => {}
            _ = self.regularly.tick() => {}
        }
    }
}

impl Registry {
    /// The shelf of a stream, where there is such a stream.
    pub(crate) fn shelf(&self, stream: &StreamId) -> Option<Arc<Shelf>> {
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        streams.get(stream).map(|known| Arc::clone(&known.shelf))
    }

    /// When to look at a stream again, where there is such a stream.
    pub(crate) fn changes(&self, stream: &StreamId) -> Option<Changes> {
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        let known = streams.get(stream)?;
        Some(Changes {
            changed: known.changed.subscribe(),
            regularly: tokio::time::interval(known.look),
        })
    }

    /// A layer of the scenes that are wanted, as it was last read.
    pub(crate) fn layer(&self, stream: &StreamId, layer: LayerId) -> Option<Layer> {
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        let wanted = streams.get(stream)?.wanted.borrow();
        let mut layers = wanted.scenes().flat_map(|scene| &scene.layers);
        layers.find(|known| known.id == layer).cloned()
    }

    fn len(&self) -> usize {
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        streams.len()
    }

    fn add(&self, stream: StreamId, known: Known) {
        let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
        streams.insert(stream, known);
    }

    /// Wakes those who look for changes of `stream`, or of all. `traceparent` is the trace of what
    /// has happened.
    fn wake(&self, stream: Option<&StreamId>, traceparent: Option<&str>) {
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        streams
            .iter()
            .filter(|(id, _)| stream.is_none_or(|wanted| wanted == *id))
            .for_each(|(_, known)| {
                known.changed.send_replace(traceparent.map(str::to_owned));
            });
    }
}

/// Starts the tasks of every stream there is.
#[derive(Clone, Debug)]
pub(crate) struct Launcher {
    pub(crate) kit: Kit,
    pub(crate) bus: Bus,
    pub(crate) config: Config,
    pub(crate) address: Address,
    /// Where uploaded files are, as an absolute path.
    pub(crate) assets: PathBuf,
    /// What copies them there, where they are in an object store.
    pub(crate) copies: Option<Copies>,
    /// Where recordings go, as an absolute path.
    pub(crate) recordings: PathBuf,
    pub(crate) feeds: Feeds,
    pub(crate) metrics: Metrics,
    pub(crate) admission: Admission,
    pub(crate) registry: Registry,
}

impl Launcher {
    /// Starts the configured streams, and then every other one that is announced.
    pub(crate) fn run(self) -> std::io::Result<()> {
        for stream in &self.config.engine.ids {
            self.launch(stream)?;
        }
        self.kit.lifecycle().spawn(self.clone().watch_changes());
        self.kit.lifecycle().spawn(self.clone().look_for_streams());
        Ok(())
    }

    /// Passes every change on to those who look for it.
    async fn watch_changes(self) {
        let own = format!("/{}/{}", self.kit.about().name, self.bus.instance());
        let channels = [Channel::StreamState, Channel::LayerUpdates];
        let stop = self.kit.lifecycle().stopping().clone();
        let mut listener = self.bus.listen(&channels, stop);
        while let Some(signal) = listener.next().await {
            match signal {
                Signal::Up => self.registry.wake(None, None),
                // What this process told the others is no news to it.
                Signal::Event(heard) if heard.event.source == own => {}
                Signal::Event(heard) => self
                    .registry
                    .wake(Some(&heard.stream), heard.event.traceparent.as_deref()),
                Signal::Down => {}
            }
        }
    }

    async fn look_for_streams(self) {
        let stop = self.kit.lifecycle().stopping().clone();
        while !stop.is_cancelled() {
            match store::announced_streams(&self.bus).await {
                Ok(streams) => {
                    for stream in streams {
                        if let Err(error) = self.launch(&stream) {
                            tracing::error!(stream.id = %stream, %error, "stream not taken on");
                        }
                    }
                }
                Err(error) => tracing::debug!(%error, "streams not read"),
            }
            tokio::select! {
                () = tokio::time::sleep(self.config.engine.look_interval()) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Starts a stream's tasks, once.
    fn launch(&self, stream: &StreamId) -> std::io::Result<()> {
        if self.registry.shelf(stream).is_some() {
            return Ok(());
        }
        if self.registry.len() >= self.config.engine.streams_max {
            tracing::error!(
                stream.id = %stream, streams_max = self.config.engine.streams_max,
                "no further stream is looked after"
            );
            return Ok(());
        }
        let archive = Archive::new(&self.config.live.directory, stream)?;
        let live = &self.config.live;
        let metrics = self.metrics.of(stream);
        let doubt = Arc::new(Notify::new());
        let (telling, changed) = watch::channel(None);
        let lifecycle = self.kit.lifecycle();
        let stop = lifecycle.stopping().clone();

        let terms = Terms {
            ttl: self.config.lease.ttl(),
            without_redis: self.config.lease.without_redis,
        };
        let (keeper, lease) = Keeper::new(
            self.bus.clone(),
            stream.clone(),
            self.address.clone(),
            (terms, self.config.lease.renew()),
            Arc::clone(&doubt),
            metrics.clone(),
        );
        let watching = self.watch_audience(stream, lease.view.clone());
        let (reading, wanted) = watch::channel(Wanted::default());
        let (playlists, playlist) = watch::channel::<Option<Arc<Playlist>>>(None);
        let (handovers, asked_for) = mpsc::channel(HANDOVERS_MAX);
        let (asking, snapshots) = mpsc::channel(SNAPSHOTS_MAX);
        let limit = live.snapshot_timeout();
        let pictures = |motif, max_age| Snapshots::new(motif, asking.clone(), max_age, limit);
        let snapshots_taken = pictures(Motif::Program, live.snapshot_max_age());
        let preview = pictures(Motif::Preview, self.config.preview.max_age());

        self.add_health(stream, &lease.view, &playlist);
        self.registry.add(
            stream.clone(),
            Known {
                shelf: Arc::new(Shelf {
                    archive: archive.clone(),
                    watching: Arc::clone(&watching),
                    snapshots: snapshots_taken,
                    preview,
                    lease: lease.view.clone(),
                    playlist: playlist.clone(),
                    handovers,
                }),
                changed: telling,
                wanted: wanted.clone(),
                look: self.config.engine.look_interval(),
            },
        );
        let reader = Reader {
            bus: self.bus.clone(),
            stream: stream.clone(),
            wanted: reading,
            changed,
            look: self.config.engine.look_interval(),
            copies: self.copies.clone(),
        };
        let (chat, ends) = Chat::line();
        let chat_reader = self.chat_reader(stream, ends);
        let surroundings = Surroundings {
            stream: stream.clone(),
            bus: self.bus.clone(),
            kit: self.kit.clone(),
            config: self.config.clone(),
            address: self.address.clone(),
            archive: archive.clone(),
            assets: self.assets.clone(),
            recordings: self.recordings.join(stream.as_str()),
            feeds: self.feeds.clone(),
            watching,
            metrics,
            admission: self.admission.clone(),
            component: component(stream),
        };
        self.kit
            .health()
            .component(surroundings.component, Need::Optional);
        surroundings.report_health(Ok(()));
        let inputs = Inputs {
            lease,
            wanted,
            chat,
            snapshots,
            handovers: asked_for,
            playlists,
            doubt,
        };
        lifecycle.spawn(keeper.keep(stop.clone()));
        lifecycle.spawn(reader.keep_current(stop.clone()));
        lifecycle.spawn(chat_reader.keep(stop));
        lifecycle.spawn(archive::keep(archive, playlist, live.grace()));
        lifecycle.spawn(stream::run(Arc::new(surroundings), inputs));
        Ok(())
    }

    /// Counts who watches a stream, those included who follow it elsewhere.
    fn watch_audience(
        &self,
        stream: &StreamId,
        lease: watch::Receiver<LeaseView>,
    ) -> Arc<Watching> {
        let live = &self.config.live;
        let watching = Arc::new(Watching::new(live.viewer_window(), live.viewers_max));
        let audience = AudienceReader {
            bus: self.bus.clone(),
            stream: stream.clone(),
            watching: Arc::clone(&watching),
            lease,
        };
        let lifecycle = self.kit.lifecycle();
        lifecycle.spawn(audience.keep_current(lifecycle.stopping().clone()));
        watching
    }

    fn chat_reader(&self, stream: &StreamId, ends: ReaderEnds) -> ChatReader {
        ChatReader {
            bus: self.bus.clone(),
            stream: stream.clone(),
            ends,
            config: self.config.chat.clone(),
            history_max: self.config.redis.history_max,
            check_every: self.config.engine.look_interval(),
        }
    }

    /// How far behind the picture is, and how long ago the lease was proven.
    fn add_health(
        &self,
        stream: &StreamId,
        lease: &watch::Receiver<LeaseView>,
        playlist: &watch::Receiver<Option<Arc<Playlist>>>,
    ) {
        let (lease, playlist) = (lease.clone(), playlist.clone());
        let clock = Arc::clone(self.kit.clock());
        let health = self.kit.health();
        health.indicator(&format!("stream_{stream}_picture_age_s"), move || {
            let end = playlist
                .borrow()
                .as_ref()
                .and_then(|playlist| playlist.ends_at());
            end.map_or(0.0, |end| clock.now().since(end).as_secs_f64())
        });
        health.indicator(&format!("stream_{stream}_lease_age_s"), move || {
            let lease = lease.borrow();
            let proven = lease.holding().map(|holding| holding.proven_at.elapsed());
            proven.unwrap_or(Duration::ZERO).as_secs_f64()
        });
    }
}

/// The stream's name among the components of `/health`, which lives as long as the process.
/// There are `engine.streams_max` of them.
fn component(stream: &StreamId) -> &'static str {
    String::leak(format!("stream:{stream}"))
}
