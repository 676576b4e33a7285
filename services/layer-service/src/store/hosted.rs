use sm_bus::{BusError, keys};
use sm_common::id::{InstanceId, StreamId};
use sm_common::resources::InstanceResources;
use sm_common::stream::{DesiredState, ObservedState};

use super::SceneStore;

/// Who has a stream on air.
#[derive(Clone, Debug)]
pub(crate) struct Hosted {
    pub(crate) engine: InstanceId,
    /// What all instances last told of themselves, the engine among them.
    pub(crate) instances: Vec<InstanceResources>,
}

impl SceneStore {
    /// The engine that has the stream on air; `None` where none has, or where an admin insists on
    /// the stream whatever its host says.
    pub(crate) async fn hosted(&self, stream: &StreamId) -> Result<Option<Hosted>, BusError> {
        let observed: Option<ObservedState> = self.bus.document(&keys::observed(stream)).await?;
        let on_air = observed.filter(|observed| observed.live_since.is_some());
        let Some(engine) = on_air.and_then(|observed| observed.engine) else {
            return Ok(None);
        };
        let desired = keys::desired(stream);
        let desired: Option<DesiredState> = self.bus.hash_document(&desired, "doc").await?;
        if desired.is_some_and(|desired| desired.forced) {
            return Ok(None);
        }
        let now = self.bus.clock().now();
        Ok(Some(Hosted {
            engine: engine.instance,
            instances: self.bus.instances(now).await?,
        }))
    }
}
