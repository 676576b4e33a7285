//! The chat in the picture.

use std::sync::Arc;

use sm_common::layer::LayerKind;
use sm_media_protocol::Command;

use super::tenure::Tenure;
use crate::store::Wanted;

/// Whether a scene shows the chat.
pub(super) fn shows_chat(wanted: &Wanted) -> bool {
    let mut layers = wanted.scenes().flat_map(|scene| &scene.layers);
    layers.any(|layer| layer.source.kind() == LayerKind::Chat)
}

impl Tenure {
    /// Whether there is a worker for a scene that shows the chat.
    pub(super) fn needs_chat(&self) -> bool {
        self.running.is_some() && shows_chat(&self.wanted)
    }

    /// Tells the worker of the chat, where that is news. One that does not read its commands is
    /// told at the next look.
    pub(super) fn tell_chat(&mut self) {
        let is_needed = self.needs_chat();
        let Some(running) = &mut self.running else {
            return;
        };
        let Some(chat) = self.chat.as_ref().filter(|_| is_needed) else {
            // Without such a layer it forgets.
            running.chat = None;
            return;
        };
        let is_told = running
            .chat
            .as_ref()
            .is_some_and(|told| Arc::ptr_eq(told, chat));
        if is_told || running.screen().is_none() || running.ending().is_some() {
            return;
        }
        let command = Command::ApplyChat {
            chat: (**chat).clone(),
        };
        if running.worker.send(command).is_ok() {
            running.chat = Some(Arc::clone(chat));
        }
    }
}
