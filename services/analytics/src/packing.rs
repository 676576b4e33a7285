//! Packs what is over.
//!
//! Every replica does it; whoever is overtaken has done its work for nothing and no harm.

use sm_common::id::StreamId;
use sm_service_kit::health::Health;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::config::PackingConfig;
use crate::metrics::Metrics;
use crate::store::{Block, PackError, Packed, Store, by_hour};

/// The name of this task among the parts of the process.
pub(crate) const COMPONENT: &str = "packing";

/// Packs blocks that are over until the process ends.
pub(crate) struct Packing {
    store: Store,
    config: PackingConfig,
    metrics: Metrics,
    health: Health,
    /// Whether what a former version kept may still have to be moved.
    former: bool,
}

impl Packing {
    pub(crate) const fn new(
        store: Store,
        config: PackingConfig,
        metrics: Metrics,
        health: Health,
    ) -> Self {
        Self {
            store,
            config,
            metrics,
            health,
            former: true,
        }
    }

    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            let outcome = self.look().await;
            self.health
                .report(COMPONENT, outcome.map_err(|error| error.to_string()));
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(self.config.interval()) => {}
            }
        }
    }

    /// Packs every block that is over. What fails is tried again the next time.
    async fn look(&mut self) -> Result<(), PackError> {
        let mut open = 0;
        let mut outcome = Ok(());
        for stream in self.store.streams().await? {
            if self.former {
                self.store.move_former(&stream).await?;
            }
            let blocks = self.store.open_blocks(&stream).await?;
            open += blocks.len();
            for blocks in by_hour(self.over(blocks)) {
                match self.pack(&stream, &blocks).await {
                    Ok(()) => {}
                    Err(PackError::Bus(error)) if error.is_unavailable() => {
                        return Err(error.into());
                    }
                    // A fault of this hour alone: the others go on.
                    Err(error) => {
                        tracing::error!(
                            stream.id = %stream, %error,
                            "seconds cannot be packed"
                        );
                        outcome = Err(error);
                    }
                }
            }
        }
        self.former = false;
        self.metrics.set_open_blocks(open);
        outcome
    }

    async fn pack(&self, stream: &StreamId, blocks: &[Block]) -> Result<(), PackError> {
        if self.store.pack(stream, blocks).await? == Packed::Done {
            self.metrics.count_packed(blocks.len());
        }
        Ok(())
    }

    /// The blocks of which nothing more is expected.
    fn over(&self, blocks: Vec<Block>) -> impl Iterator<Item = Block> {
        let now_s = self.store.bus().clock().now().as_unix_seconds();
        let until = now_s - i64::from(self.config.grace_s);
        blocks
            .into_iter()
            .filter(move |block| block.seconds().end <= until)
    }
}
