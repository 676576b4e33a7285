//! Copying layers from one scene into another.

use sm_bus::Which;
use sm_common::group::Group;
use sm_common::id::{GroupId, LayerId, StreamId};

use super::{Changed, SceneError, Scenes};
use crate::domain::copying::{self, Copies, CopyOrder};
use crate::domain::history::Author;
use crate::domain::{Action, Expected, Operation, Place, Proposal};

impl Scenes {
    /// Copies layers of one scene into another, all or none. The copies are of what the layers
    /// were when they were read. `expected` is the other scene's revision.
    pub(crate) async fn copy_layers(
        &self,
        stream: &StreamId,
        from: Which,
        order: &CopyOrder,
        expected: Option<Expected>,
        author: &Author,
    ) -> Result<Changed, SceneError> {
        let scene = self.read(stream, from).await?.scene;
        let originals = order.of(&scene).map_err(SceneError::Invalid)?;
        let Copies { layers, groups } = copying::copies_with_groups(
            &scene,
            &originals,
            LayerId::generate,
            GroupId::generate,
            |layer| layer.scene = order.to,
        );
        let groups = groups.into_iter().map(|group| Action::PutGroup {
            group: Box::new(Group {
                locked: false,
                ..group
            }),
        });
        let first = order.index.map_or(Place::Front, Place::At);
        let behind: Vec<LayerId> = layers.iter().map(|layer| layer.id).collect();
        let behind = behind.into_iter().map(Place::InFrontOf);
        let places = std::iter::once(first).chain(behind);
        let layers = layers.into_iter().zip(places);
        let layers = layers.map(|(layer, place)| Action::Copy {
            layer: Box::new(layer),
            place,
        });
        let actions = groups.chain(layers).map(Operation::alone);
        let proposal = Proposal {
            operations: actions.collect(),
            ..Proposal::default()
        };
        let proposal = proposal.expecting(expected);
        self.change(stream, Which::Scene(order.to), &proposal, author)
            .await
    }
}
