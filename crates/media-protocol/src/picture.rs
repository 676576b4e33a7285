use serde::{Deserialize, Serialize};
use sm_common::stream::SceneOnAir;
use sm_common::transition::Take;

use crate::command::{Cover, CoverReason, WantedScene};

/// What a [`WantedScene`] is to the host, without its layers; the next host is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenePicture {
    /// The scene of the program; `None` while none is known, and the picture is black.
    #[serde(default)]
    pub scene: Option<SceneOnAir>,
    /// The take that brought it on air, if one did.
    #[serde(default)]
    pub take: Option<Take>,
    /// What is seen instead of it.
    #[serde(default)]
    pub cover: Option<CoverPicture>,
}

/// What a [`Cover`] is to the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverPicture {
    /// Why it is there.
    pub why: CoverReason,
    /// The scene that it is; `None` for the built-in slate.
    #[serde(default)]
    pub scene: Option<SceneOnAir>,
}

impl WantedScene {
    /// What it is to the host.
    #[must_use]
    pub fn picture(&self) -> ScenePicture {
        ScenePicture {
            scene: self.scene.clone(),
            take: self.take.clone(),
            cover: self.cover.as_ref().map(Cover::picture),
        }
    }
}

impl Cover {
    fn picture(&self) -> CoverPicture {
        CoverPicture {
            why: self.why,
            scene: self.scene.clone(),
        }
    }
}
