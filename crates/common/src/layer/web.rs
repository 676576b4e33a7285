//! Web pages.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::OnLoss;

/// A web page, with what is behind it where it is transparent. Only on engines on which web pages are
/// switched on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebSource {
    /// The `http://` or `https://` address of the page, at most 2048 bytes, without user and password:
    /// everybody who sees the layer sees its address.
    #[schema(max_length = 2048, examples("https://example.com/overlay"))]
    pub url: String,
    /// Width of the page in its own pixels, 16 to 1920. Pages cost least in the size of their layer.
    #[serde(default = "width")]
    #[schema(minimum = 16, maximum = 1920)]
    pub width: u32,
    /// Height of the page in its own pixels, 16 to 1080.
    #[serde(default = "height")]
    #[schema(minimum = 16, maximum = 1080)]
    pub height: u32,
    /// Most pictures of the page a second, 1 to 60; one that does not change costs next to nothing.
    #[serde(default = "framerate")]
    #[schema(minimum = 1, maximum = 60)]
    pub framerate: u32,
    /// How large the page's content is, in percent, 25 to 400.
    #[serde(default = "zoom")]
    #[schema(minimum = 25, maximum = 400)]
    pub zoom: u32,
    /// Rules that are added to the page's own, at most 4000 characters of CSS.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 4000)]
    pub css: String,
    /// Seconds after which the page is loaded anew, 10 to 86400; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 10, maximum = 86400)]
    pub reload_s: Option<u32>,
    /// What shows while there is no page.
    #[serde(default)]
    pub on_loss: OnLoss,
}

impl WebSource {
    /// [`Self::width`] unless said otherwise.
    pub const WIDTH: u32 = 1280;
    /// [`Self::height`] unless said otherwise.
    pub const HEIGHT: u32 = 720;
    /// [`Self::framerate`] unless said otherwise.
    pub const FRAMERATE: u32 = 30;
    /// [`Self::zoom`] unless said otherwise.
    pub const ZOOM: u32 = 100;
}

const fn width() -> u32 {
    WebSource::WIDTH
}

const fn height() -> u32 {
    WebSource::HEIGHT
}

const fn framerate() -> u32 {
    WebSource::FRAMERATE
}

const fn zoom() -> u32 {
    WebSource::ZOOM
}
