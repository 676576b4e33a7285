use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::assets::Assets;

/// Gives back the space of forgotten files, at once and then regularly, until `stop`.
pub(crate) async fn sweep(assets: Assets, every: Duration, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = assets.sweep().await {
            tracing::warn!(%error, "forgotten files were not searched");
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stop.cancelled() => {}
        }
    }
}
