//! Copying layers from one scene into another.

use sm_bus::Which;
use sm_common::id::{LayerId, StreamId};

use super::{Changed, SceneError, Scenes};
use crate::domain::copying::{self, CopyOrder};
use crate::domain::history::Author;
use crate::domain::{Action, Expected, Operation, Proposal};

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
        let copies = copying::copies(&originals, LayerId::generate, |layer| {
            layer.scene = order.to;
        });
        let actions = copies.into_iter().enumerate().map(|(offset, layer)| {
            Operation::alone(Action::Copy {
                layer: Box::new(layer),
                index: order.index.map(|index| index.saturating_add(offset)),
            })
        });
        let proposal = Proposal {
            operations: actions.collect(),
            ..Proposal::default()
        };
        let proposal = proposal.expecting(expected);
        self.change(stream, Which::Scene(order.to), &proposal, author)
            .await
    }
}
