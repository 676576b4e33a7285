use std::time::Duration;

use deadpool_redis::redis;
use sm_common::clock::Timestamp;
use sm_common::resources::InstanceResources;

use crate::connection::{Bus, read_document, write_document};
use crate::error::BusError;
use crate::keys;

/// How long an instance is listed after its last report.
const INSTANCE_TTL: Duration = Duration::from_secs(15);

impl Bus {
    /// Tells the others what a process of this service uses.
    pub async fn report_instance(&self, resources: &InstanceResources) -> Result<(), BusError> {
        let mut pipeline = redis::pipe();
        pipeline
            .cmd("SET")
            .arg(keys::instance(&resources.instance))
            .arg(write_document(resources)?)
            .arg("PX")
            .arg(u64::try_from(INSTANCE_TTL.as_millis()).unwrap_or(u64::MAX))
            .ignore()
            .cmd("ZADD")
            .arg(keys::INSTANCES)
            .arg(resources.at.as_unix_millis())
            .arg(resources.instance.as_str())
            .ignore();
        self.pipeline(&pipeline).await
    }

    /// Takes a process off the list, at its orderly end.
    pub async fn forget_instance(
        &self,
        instance: &sm_common::id::InstanceId,
    ) -> Result<(), BusError> {
        let mut pipeline = redis::pipe();
        pipeline
            .cmd("DEL")
            .arg(keys::instance(instance))
            .ignore()
            .cmd("ZREM")
            .arg(keys::INSTANCES)
            .arg(instance.as_str())
            .ignore();
        self.pipeline(&pipeline).await
    }

    /// What every running process reported last, by service and instance.
    pub async fn instances(&self, now: Timestamp) -> Result<Vec<InstanceResources>, BusError> {
        let oldest = now
            .as_unix_millis()
            .saturating_sub(i64::try_from(INSTANCE_TTL.as_millis()).unwrap_or(i64::MAX));
        let mut pipeline = redis::pipe();
        pipeline
            .cmd("ZREMRANGEBYSCORE")
            .arg(keys::INSTANCES)
            .arg("-inf")
            .arg(format!("({oldest}"))
            .ignore()
            .cmd("ZRANGE")
            .arg(keys::INSTANCES)
            .arg(0)
            .arg(-1);
        let (names,): (Vec<String>,) = self.pipeline(&pipeline).await?;
        let names: Vec<String> = names
            .iter()
            .filter_map(|name| name.parse().ok())
            .map(|instance| keys::instance(&instance))
            .collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let texts: Vec<Option<String>> = self.query(redis::cmd("MGET").arg(&names)).await?;
        let mut instances = names
            .iter()
            .zip(texts)
            .filter_map(|(key, text)| text.map(|text| read_document(key, &text)))
            .collect::<Result<Vec<InstanceResources>, BusError>>()?;
        instances.sort_by(|a, b| (&a.service, &a.instance).cmp(&(&b.service, &b.instance)));
        Ok(instances)
    }
}
