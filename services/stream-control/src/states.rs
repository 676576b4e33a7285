//! The states of all streams, kept current by the bus, so that reading one costs no round trip.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;
use arc_swap::ArcSwap;
use sm_bus::{BusError, Listener, Signal};
use sm_common::event::Channel;
use sm_common::id::StreamId;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::store::Store;

/// Wait before a failed read is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// A stream's state, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct ReadyState {
    /// Its revision.
    pub(crate) revision: String,
    /// The JSON body.
    pub(crate) body: Bytes,
}

/// The states, as far as they are known to be current.
#[derive(Clone, Debug)]
pub(crate) struct States {
    /// `None` while events do not arrive: then a state must be read where it is kept.
    known: Arc<ArcSwap<Option<BTreeMap<StreamId, ReadyState>>>>,
    changes: watch::Sender<()>,
}

impl States {
    pub(crate) fn new() -> Self {
        Self {
            known: Arc::default(),
            changes: watch::Sender::new(()),
        }
    }

    /// The state of `stream`, read from the store when the known one may be old.
    pub(crate) async fn read(
        &self,
        store: &Store,
        stream: &StreamId,
    ) -> Result<Option<ReadyState>, BusError> {
        if let Some(known) = self.known.load().as_ref()
            && let Some(state) = known.get(stream)
        {
            return Ok(Some(state.clone()));
        }
        load(store, stream).await
    }

    /// Tells of every change of any stream.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Keeps the states current until `stop`.
    pub(crate) async fn keep_current(self, store: Store, stop: CancellationToken) {
        let channels = [Channel::StreamState, Channel::Metrics];
        let mut listener = store.bus().listen(&channels, stop.clone());
        while let Some(signal) = listener.next().await {
            match signal {
                Signal::Up => self.reload(&store, &mut listener, &stop).await,
                Signal::Down => self.known.store(Arc::new(None)),
                Signal::Event(event) => {
                    if let Err(error) = self.refresh(&store, &event.stream).await {
                        tracing::warn!(%error, "state not read");
                        self.known.store(Arc::new(None));
                        self.reload(&store, &mut listener, &stop).await;
                    }
                }
            }
            self.changes.send_replace(());
        }
    }

    /// Reads every stream, again and again until it succeeds or the bus is down once more.
    async fn reload(&self, store: &Store, listener: &mut Listener, stop: &CancellationToken) {
        loop {
            match load_all(store).await {
                Ok(states) => return self.known.store(Arc::new(Some(states))),
                Err(error) => tracing::warn!(%error, "states not read"),
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = stop.cancelled() => return,
                signal = listener.next() => {
                    if matches!(signal, None | Some(Signal::Down)) {
                        return;
                    }
                }
            }
        }
    }

    async fn refresh(&self, store: &Store, stream: &StreamId) -> Result<(), BusError> {
        if let Some(state) = load(store, stream).await? {
            self.known.rcu(|known| {
                let mut known = Option::clone(known);
                if let Some(states) = &mut known {
                    states.insert(stream.clone(), state.clone());
                }
                known
            });
        }
        Ok(())
    }
}

async fn load(store: &Store, stream: &StreamId) -> Result<Option<ReadyState>, BusError> {
    let Some(documents) = store.documents(stream).await? else {
        return Ok(None);
    };
    let state = documents.state();
    let body = serde_json::to_vec(&state).map_err(BusError::Encode)?;
    Ok(Some(ReadyState {
        revision: state.revision(),
        body: body.into(),
    }))
}

async fn load_all(store: &Store) -> Result<BTreeMap<StreamId, ReadyState>, BusError> {
    let mut states = BTreeMap::new();
    for stream in store.streams().await? {
        if let Some(state) = load(store, &stream).await? {
            states.insert(stream, state);
        }
    }
    Ok(states)
}
