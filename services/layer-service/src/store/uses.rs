use std::collections::{BTreeMap, BTreeSet};

use sm_bus::{BusError, SceneQuery, keys, redis};
use sm_common::asset::AssetUse;
use sm_common::id::{AssetId, SceneId, StreamId};
use sm_common::layer::Layer;
use sm_common::scene::SceneDocument;

use super::{SceneStore, read};

/// Where files are used.
pub(crate) type Uses = BTreeMap<AssetId, Vec<AssetUse>>;

impl SceneStore {
    /// Adds to `uses` the layers of all scenes of `stream`, by scene and from back to front.
    ///
    /// The layers are read after the names of their scenes: a layer of a scene that is newer than
    /// that counts all the same, without the name.
    pub(crate) async fn add_uses(
        &self,
        stream: &StreamId,
        uses: &mut Uses,
    ) -> Result<(), BusError> {
        let query = SceneQuery {
            documents: true,
            ..SceneQuery::default()
        };
        let stored = self.bus.scenes(stream, &query).await?;
        let scenes_key = keys::scenes(stream);
        let mut scenes: BTreeMap<SceneId, SceneDocument> = BTreeMap::new();
        for (id, scene) in &stored.scenes {
            scenes.insert(*id, read(&scenes_key, &scene.document)?);
        }
        let key = keys::layers(stream);
        let texts: Vec<String> = self.bus.query(redis::cmd("HVALS").arg(&key)).await?;
        let layers = texts.iter().map(|text| read(&key, text));
        let mut layers = layers.collect::<Result<Vec<Layer>, _>>()?;
        let place = |layer: &Layer| {
            let order = scenes.get(&layer.scene)?.order.iter();
            order.clone().position(|id| *id == layer.id)
        };
        layers.sort_by_cached_key(|layer| (layer.scene, place(layer), layer.id));
        for layer in layers {
            let assets: BTreeSet<&AssetId> = layer.source.assets().collect();
            for asset in assets {
                let scene = scenes.get(&layer.scene);
                uses.entry(asset.clone()).or_default().push(AssetUse {
                    stream: stream.clone(),
                    scene: layer.scene,
                    scene_name: scene.map(|scene| scene.name.clone()).unwrap_or_default(),
                    layer: layer.id,
                    layer_name: layer.name.clone(),
                    on_air: stored.on_air == Some(layer.scene),
                });
            }
        }
        Ok(())
    }
}
