//! Who changed what just before.

use std::time::Duration;

use serde::Deserialize;
use sm_bus::{Bus, BusError, keys, redis};
use sm_common::clock::Timestamp;
use sm_common::event::{Channel, Event, EventType, LayerCreated, LayerUpdated};
use sm_common::id::StreamId;

use crate::incidents::Change;

/// The newest commands and changes of layers that are looked at.
const LOOKED_AT: usize = 50;

/// What the audit list says, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Audited {
    at: Timestamp,
    name: String,
    action: String,
    #[serde(default)]
    output: Option<String>,
    /// Why it was refused: then nothing was changed.
    #[serde(default)]
    refused: Option<String>,
}

/// Changes since `now - window`, oldest first.
pub(super) async fn recent_changes(
    bus: &Bus,
    stream: &StreamId,
    window: Duration,
    now: Timestamp,
) -> Result<Vec<Change>, BusError> {
    let mut changes = commands(bus, stream).await?;
    let newest = bus.newest(stream, Channel::LayerUpdates, LOOKED_AT).await?;
    changes.extend(
        newest
            .iter()
            .filter_map(|published| layer_change(&published.event)),
    );
    let from = now.minus(window);
    changes.retain(|change| change.at >= from);
    changes.sort_by_key(|change| change.at);
    Ok(changes)
}

async fn commands(bus: &Bus, stream: &StreamId) -> Result<Vec<Change>, BusError> {
    let mut command = redis::cmd("XREVRANGE");
    command
        .arg(keys::audit(stream))
        .arg("+")
        .arg("-")
        .arg("COUNT")
        .arg(LOOKED_AT);
    let entries: Vec<(String, Vec<(String, String)>)> = bus.query(&command).await?;
    Ok(entries
        .iter()
        .flat_map(|(_, fields)| fields.iter().filter(|(name, _)| name == "doc"))
        // What a newer version wrote is not for this one.
        .filter_map(|(_, doc)| serde_json::from_str::<Audited>(doc).ok())
        .filter(|entry| entry.refused.is_none())
        .map(|entry| {
            let component = match &entry.output {
                Some(output) => format!("output:{output}"),
                None => "engine".to_owned(),
            };
            Change {
                at: entry.at,
                text: format!("{}: {}", entry.name, entry.action),
                component,
                action: entry.action,
            }
        })
        .collect())
}

fn layer_change(event: &Event) -> Option<Change> {
    let (layer, what) = if event.kind == EventType::LayerCreated {
        let LayerCreated { layer, .. } = event.payload().ok()?;
        (layer.id, format!("{} was created", layer.name))
    } else if event.kind == EventType::LayerUpdated {
        let LayerUpdated { layer, changed, .. } = event.payload().ok()?;
        let what = format!("{} was changed: {}", layer.name, changed.join(" "));
        (layer.id, what)
    } else {
        return None;
    };
    Some(Change {
        at: event.time,
        component: format!("layer:{layer}"),
        action: event.kind.as_str().to_owned(),
        text: what,
    })
}
