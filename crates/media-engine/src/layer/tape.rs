//! A file that plays: its player, the part that is wanted, and commands for it.

use gstreamer as gst;
use sm_common::layer::{AtEnd, Playback, PlaybackAction, PlaybackState, PlaybackStatus};
use sm_media_protocol::{Clip, SceneLayer};

use super::Surroundings;
use super::player::{Cut, Player, Playing, Recipe, Target};

#[derive(Debug)]
pub(super) struct Tape {
    player: Player,
    visible: bool,
    cut: Cut,
    at_end: AtEnd,
    /// The last command that was carried out.
    command: Option<Playback>,
    playback: Option<PlaybackStatus>,
}

impl Tape {
    pub(super) fn start(
        recipe: Recipe,
        at_end: AtEnd,
        layer: &SceneLayer,
        surroundings: &Surroundings,
    ) -> Self {
        Self {
            visible: layer.visible,
            cut: recipe.cut,
            at_end,
            command: layer.playback,
            playback: None,
            player: Player::start(recipe, surroundings, layer),
        }
    }

    /// Follows a change of the layer.
    pub(super) fn update(&mut self, layer: &SceneLayer, (looping, clip): (bool, Clip)) {
        if self.visible != layer.visible {
            self.visible = layer.visible;
            // What went away at its end begins again when it is seen again.
            if layer.visible && self.has_ended() && self.at_end != AtEnd::Hold {
                self.player.seek(Target::Start);
            }
            self.player.show(layer.visible);
        }
        self.at_end = clip.at_end;
        let cut = Cut::of(&clip, looping);
        if self.cut != cut {
            self.cut = cut;
            self.player.cut(cut);
        }
        if self.command != layer.playback {
            self.command = layer.playback;
            if let Some(command) = layer.playback {
                self.obey(command);
            }
        }
    }

    /// Plays from the beginning.
    pub(super) fn begin(&self) {
        self.player.seek(Target::Start);
    }

    pub(super) fn hear(&mut self, playing: Playing) {
        self.playback = Some(playing.status);
    }

    pub(super) fn playback(&self) -> Option<PlaybackStatus> {
        self.playback
    }

    fn obey(&self, command: Playback) {
        match (command.action, command.position_ms) {
            (PlaybackAction::Seek, Some(position)) => {
                let position = gst::ClockTime::from_mseconds(position);
                self.player.seek(Target::At(position));
            }
            (PlaybackAction::Restart, _) => self.player.seek(Target::Start),
            (
                PlaybackAction::Play
                | PlaybackAction::Pause
                | PlaybackAction::Seek
                | PlaybackAction::Next
                | PlaybackAction::Previous
                | PlaybackAction::Goto,
                _,
            ) => {}
        }
        self.player.pause(command.paused);
    }

    fn has_ended(&self) -> bool {
        let state = self.playback.map(|playback| playback.state);
        state == Some(PlaybackState::Ended)
    }
}
