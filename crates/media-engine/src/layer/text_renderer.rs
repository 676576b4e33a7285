use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use sm_common::layer::{TextAlign, TextStyle};

use super::failure::Failure;
use crate::number::{to_u32, to_usize};
use crate::picture::Bitmap;
use crate::pipeline::bitmap_of;

/// Longest time to draw one text, the loading of its font included.
const RENDER_TIMEOUT: gst::ClockTime = gst::ClockTime::from_seconds(5);

/// Text over a background keeps this part of its font's size away from the left and right edge.
const PADDING_PARTS: u32 = 3;

/// Draws text with Pango, through `textoverlay`. One for all layers.
#[derive(Debug, Default)]
pub(super) struct TextRenderer(Option<Renderer>);

/// A running pipeline that draws text on the empty frame it is given.
#[derive(Debug)]
struct Renderer {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    overlay: gst::Element,
    sink: gst_app::AppSink,
}

/// Where text starts, counted from above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Top,
    Bottom,
}

impl TextRenderer {
    /// The text in a picture of this size: wrapped at its width, in its vertical middle, cut off
    /// at its lower edge.
    pub(super) fn render(
        &mut self,
        text: &str,
        style: &TextStyle,
        width: u32,
        height: u32,
    ) -> Result<Bitmap, Failure> {
        let mut bitmap = self.letters(text, style, width, height).inspect_err(|_| {
            // A pipeline that failed once is not used again.
            self.0 = None;
        })?;
        if let Some(background) = style.background {
            bitmap.lay_on(background);
        }
        Ok(bitmap)
    }

    fn letters(
        &mut self,
        text: &str,
        style: &TextStyle,
        width: u32,
        height: u32,
    ) -> Result<Bitmap, Failure> {
        let padding = match style.background {
            Some(_) => (style.size / PADDING_PARTS).min(width.saturating_sub(1) / 2),
            None => 0,
        };
        let inner = width - 2 * padding;
        let empty = Bitmap::clear(to_usize(u64::from(inner)), to_usize(u64::from(height)));
        let drawn = if text.trim().is_empty() {
            empty
        } else {
            let renderer = match self.0.take() {
                Some(renderer) => renderer,
                None => Renderer::start()?,
            };
            self.0.insert(renderer).draw(text, style, &empty)?
        };
        Ok(drawn.framed(
            to_usize(u64::from(width)),
            to_usize(u64::from(height)),
            to_usize(u64::from(padding)),
        ))
    }
}

impl Renderer {
    fn start() -> Result<Self, Failure> {
        let pipeline = gst::Pipeline::with_name("text");
        let source = gst_app::AppSrc::builder().format(gst::Format::Time).build();
        let overlay = gst::ElementFactory::make("textoverlay")
            .property("auto-resize", false)
            .property("draw-shadow", false)
            .property("draw-outline", false)
            .property("xpad", 0)
            .property("ypad", 0)
            .property_from_str("wrap-mode", "wordchar")
            .build()
            .map_err(Failure::engine)?;
        let sink = gst_app::AppSink::builder()
            .sync(false)
            .max_buffers(1)
            .build();
        let chain = [source.upcast_ref(), &overlay, sink.upcast_ref()];
        pipeline.add_many(chain).map_err(Failure::engine)?;
        gst::Element::link_many(chain).map_err(Failure::engine)?;
        pipeline
            .set_state(gst::State::Playing)
            .map_err(Failure::engine)?;
        Ok(Self {
            pipeline,
            source,
            overlay,
            sink,
        })
    }

    fn draw(&self, text: &str, style: &TextStyle, empty: &Bitmap) -> Result<Bitmap, Failure> {
        self.set(text, style);
        let (drawn, from_top) = self.pass(From::Top, empty)?;
        // The height of the lines shows in how far apart they start from above and from below.
        let (_, from_bottom) = self.pass(From::Bottom, empty)?;
        let spare = usize::try_from(from_bottom - from_top).unwrap_or(0);
        Ok(drawn.lowered(spare / 2))
    }

    fn set(&self, text: &str, style: &TextStyle) {
        let printable: String = text
            .chars()
            .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
            .collect();
        let weight = if style.bold { "Bold " } else { "" };
        let font = format!("{}, {weight}{}px", style.font, style.size);
        let align = match style.align {
            TextAlign::Left => "left",
            TextAlign::Center => "center",
            TextAlign::Right => "right",
        };
        self.overlay
            .set_property("text", gst::glib::markup_escape_text(&printable).as_str());
        self.overlay.set_property("font-desc", font);
        self.overlay.set_property("color", style.color.to_argb());
        self.overlay.set_property_from_str("halignment", align);
        self.overlay.set_property_from_str("line-alignment", align);
    }

    /// Draws once; the picture, and where in it the ink starts.
    fn pass(&self, from: From, empty: &Bitmap) -> Result<(Bitmap, i32), Failure> {
        let align = match from {
            From::Top => "top",
            From::Bottom => "baseline",
        };
        self.overlay.set_property_from_str("valignment", align);
        let width = to_u32(crate::number::to_u64(empty.width()));
        let height = to_u32(crate::number::to_u64(empty.height()));
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::Bgra, width, height)
            .fps(gst::Fraction::new(1, 1))
            .build()
            .map_err(Failure::engine)?;
        let mut buffer = gst::Buffer::from_slice(empty.as_bytes().to_vec());
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::ZERO);
        }
        let sample = gst::Sample::builder()
            .buffer(&buffer)
            .caps(&info.to_caps().map_err(Failure::engine)?)
            .build();
        self.source.push_sample(&sample).map_err(Failure::engine)?;
        let drawn = self
            .sink
            .try_pull_sample(RENDER_TIMEOUT)
            .ok_or_else(|| Failure::text("the text could not be drawn"))?;
        let bitmap =
            bitmap_of(&drawn).ok_or_else(|| Failure::text("the drawn text cannot be read"))?;
        Ok((bitmap, self.overlay.property::<i32>("text-y")))
    }
}

impl Drop for Renderer {
    fn drop(&mut self) {
        // Nothing to be done about a pipeline that does not end.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}
