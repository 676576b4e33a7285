//! Whether the object store answers, without asking it all the time: each request costs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sm_asset_store::{Bucket, StoreError};

/// For how long an answer is believed.
const BELIEVED: Duration = Duration::from_secs(10);

/// Asks whether the store answers. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct StoreHealth {
    bucket: Bucket,
    /// When it last did. A std lock: it is never held across an await.
    answered: Arc<Mutex<Option<Instant>>>,
}

impl StoreHealth {
    pub(crate) fn new(bucket: Bucket) -> Self {
        Self {
            bucket,
            answered: Arc::default(),
        }
    }

    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        let last = *self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|at| at.elapsed() < BELIEVED) {
            return Ok(());
        }
        self.bucket.check().await?;
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        *answered = Some(Instant::now());
        Ok(())
    }
}
