use std::time::Duration;

use sm_common::id::StreamId;
use sm_service_kit::health::Health;
use tokio_util::sync::CancellationToken;

use crate::scenes::Scenes;

/// The part of the process's health that says whether every configured stream has a scene.
pub(crate) const COMPONENT: &str = "first-scene";

/// Wait before a failed attempt is repeated.
const RETRY: Duration = Duration::from_millis(500);

/// Gives each of `streams` a scene, as soon as Redis can be reached; ends when all have one.
pub(crate) async fn make_first_scenes(
    scenes: Scenes,
    streams: Vec<StreamId>,
    health: Health,
    stop: CancellationToken,
) {
    for stream in &streams {
        while let Err(error) = scenes.ensure(stream).await {
            health.report(COMPONENT, Err(error.to_string()));
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = stop.cancelled() => return,
            }
        }
    }
    health.report(COMPONENT, Ok(()));
}
