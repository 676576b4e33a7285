use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::assets::Assets;
use crate::scenes::Scenes;

/// Gives back the space of forgotten files, and forgets secrets that nobody needs, at once and then regularly, until `stop`.
pub(crate) async fn sweep(
    assets: Assets,
    scenes: Scenes,
    every: Duration,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        if let Err(error) = assets.sweep().await {
            tracing::warn!(%error, "forgotten files were not searched");
        }
        if let Err(error) = scenes.forget_secrets().await {
            tracing::warn!(%error, "forgotten secrets were not searched");
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stop.cancelled() => {}
        }
    }
}
