//! Files that are played one after another.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::AtEnd;
use super::file::{is_default, yes};
use crate::id::{AssetId, LayerId};

/// A file of a playlist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaylistItem {
    /// The picture, video or sound.
    pub asset: AssetId,
    /// Where it begins, in milliseconds of the file. Pictures have no beginning.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schema(maximum = 604_800_000)]
    pub in_ms: u64,
    /// Where it ends, in milliseconds of the file, at least 100 after its beginning; the end of the
    /// file when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 100, maximum = 604_800_000)]
    pub out_ms: Option<u64>,
    /// How long a picture is shown, in milliseconds. Videos and sounds have a length of their own.
    #[serde(default = "PlaylistItem::duration_ms")]
    #[schema(minimum = 100, maximum = 604_800_000)]
    pub duration_ms: u64,
}

impl PlaylistItem {
    /// How long a picture is shown unless said otherwise, in milliseconds.
    pub const DURATION_MS: u64 = 10_000;

    const fn duration_ms() -> u64 {
        Self::DURATION_MS
    }
}

/// Uploaded pictures, videos and sounds that follow each other without a gap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaylistSource {
    /// The files, in their order.
    #[schema(min_items = 1, max_items = 200)]
    pub items: Vec<PlaylistItem>,
    /// Starts again at its end.
    #[serde(rename = "loop", default = "yes")]
    pub looping: bool,
    /// In a random order, in which every file comes once in a round.
    #[serde(default, skip_serializing_if = "is_default")]
    pub shuffle: bool,
    /// What follows the end of the last file where it does not loop.
    #[serde(default, skip_serializing_if = "is_default")]
    pub at_end: AtEnd,
    /// The layer of the same scene that is shown when it has ended, for `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<LayerId>,
}

impl PlaylistSource {
    /// Most files.
    pub const ITEMS_MAX: usize = 200;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::layer::LayerSource;

    #[test]
    fn every_file_of_a_list_is_in_use() {
        let assets = ["ab", "cd", "ab"].map(|two| two.repeat(32));
        let items = assets.clone().map(|asset| json!({"asset": asset}));
        let source = json!({"kind": "playlist", "source": {"items": items}});
        let source: LayerSource = serde_json::from_value(source).unwrap();
        let used: Vec<String> = source.assets().map(ToString::to_string).collect();
        assert_eq!(used, assets);
        let LayerSource::Playlist(list) = source else {
            panic!("it is a playlist");
        };
        assert!(list.looping && !list.shuffle);
        assert_eq!(list.items[0].duration_ms, 10_000);
    }
}
