use sm_bus::{Bus, BusError, keys, redis};
use sm_common::id::{IncidentId, StreamId};
use sm_common::incident::Incident;

/// Incidents, in Redis.
#[derive(Clone, Debug)]
pub(crate) struct IncidentStore {
    bus: Bus,
}

impl IncidentStore {
    pub(crate) const fn new(bus: Bus) -> Self {
        Self { bus }
    }

    /// The newest `limit` incidents, newest first.
    pub(crate) async fn newest(
        &self,
        stream: &StreamId,
        limit: usize,
    ) -> Result<Vec<Incident>, BusError> {
        newest_documents(
            &self.bus,
            &keys::incidents_order(stream),
            &keys::incidents(stream),
            limit,
        )
        .await
    }

    pub(crate) async fn incident(
        &self,
        stream: &StreamId,
        id: IncidentId,
    ) -> Result<Option<Incident>, BusError> {
        self.bus
            .hash_document(&keys::incidents(stream), &id.to_string())
            .await
    }
}

/// The newest documents of an ordered collection, newest first.
pub(crate) async fn newest_documents<T: serde::de::DeserializeOwned>(
    bus: &Bus,
    order: &str,
    documents: &str,
    limit: usize,
) -> Result<Vec<T>, BusError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let mut command = redis::cmd("ZRANGE");
    command.arg(order).arg(0).arg(limit - 1).arg("REV");
    let ids: Vec<String> = bus.query(&command).await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let texts: Vec<Option<String>> = bus
        .query(redis::cmd("HMGET").arg(documents).arg(&ids))
        .await?;
    texts
        .iter()
        .flatten()
        .map(|text| {
            serde_json::from_str(text).map_err(|source| BusError::Document {
                key: documents.to_owned(),
                source,
            })
        })
        .collect()
}
