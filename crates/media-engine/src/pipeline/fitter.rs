use std::sync::Arc;

use gstreamer as gst;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;

use super::pool::FramePool;
use crate::number::{to_i32, to_u32, to_u64, to_usize};
use crate::picture::{Bitmap, Matrix, Placement, Plane, View, Window};

/// A decoded frame, mapped for reading.
pub(crate) type Frame = gst_video::VideoFrame<gst_video::video_frame::Readable>;

/// A frame cannot be brought into the program's form.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FitError {
    /// No conversion from its format.
    #[error("frames of this format cannot be converted")]
    Convert(#[source] gst::glib::BoolError),
    /// No memory for the result.
    #[error("no memory for a converted frame")]
    Allocate(#[source] gst::FlowError),
}

/// What is made of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fitting {
    /// The part of it that is kept.
    pub(super) window: Window,
    /// The size that the part gets.
    pub(super) size: (u32, u32),
}

impl Fitting {
    /// What shows, as it shows.
    pub(super) fn exact(placement: &Placement) -> Self {
        Self {
            window: placement.window,
            size: (placement.place.width, placement.place.height),
        }
    }

    /// All of the frame in a like size, for a part that changes.
    pub(super) fn whole(placement: &Placement) -> Self {
        Self {
            window: Window::WHOLE,
            size: placement.whole_size(),
        }
    }
}

/// Width and height of a frame in square pixels.
pub(super) fn natural_size(frame: &Frame) -> (u32, u32) {
    let info = frame.info();
    let (width, par) = (u64::from(info.width()), info.par());
    let part = |value: i32| u64::try_from(value).unwrap_or(1).max(1);
    let width = (width * part(par.numer())).div_ceil(part(par.denom()));
    (to_u32(width).max(1), info.height().max(1))
}

/// Conversions that are kept: those of a source that is seen in so many ways at a time.
const CONVERSIONS_MAX: usize = 4;

/// Scales frames to the size of their layer and converts them to the program's form.
#[derive(Debug)]
pub(crate) struct Fitter {
    matrix: Matrix,
    /// The one that was used last, first.
    conversions: Vec<Conversion>,
}

#[derive(Debug)]
struct Conversion {
    from: gst_video::VideoInfo,
    fitting: Fitting,
    converter: gst_video::VideoConverter,
    pool: FramePool,
}

impl Fitter {
    /// A fitter for a program in this matrix.
    pub(crate) fn new(matrix: Matrix) -> Self {
        Self {
            matrix,
            conversions: Vec::new(),
        }
    }

    /// The frame in the program's form and so fitted; itself if it is so already.
    pub(crate) fn fit(
        &mut self,
        frame: &Arc<Frame>,
        fitting: Fitting,
    ) -> Result<Arc<Frame>, FitError> {
        let (width, height) = fitting.size;
        if fitting.window == Window::WHOLE && self.fits(frame.info(), width, height) {
            return Ok(Arc::clone(frame));
        }
        let known = self
            .conversions
            .iter()
            .position(|known| &known.from == frame.info() && known.fitting == fitting);
        let conversion = if let Some(known) = known {
            self.conversions.remove(known)
        } else {
            let target = self.target(frame.info(), width, height)?;
            Conversion::new(frame.info(), fitting, target)?
        };
        self.conversions.truncate(CONVERSIONS_MAX - 1);
        self.conversions.insert(0, conversion);
        let Some(conversion) = self.conversions.first() else {
            return Err(FitError::Allocate(gst::FlowError::Error));
        };
        let mut fitted = conversion.pool.acquire().map_err(FitError::Allocate)?;
        conversion.converter.frame(frame, &mut fitted);
        readable(fitted).map(Arc::new)
    }

    fn fits(&self, info: &gst_video::VideoInfo, width: u32, height: u32) -> bool {
        let wanted = colorimetry(self.matrix);
        (info.width(), info.height()) == (width, height)
            && info.format() == gst_video::VideoFormat::I420
            && info.colorimetry().matrix() == wanted.matrix()
            && info.colorimetry().range() == wanted.range()
    }

    fn target(
        &self,
        from: &gst_video::VideoInfo,
        width: u32,
        height: u32,
    ) -> Result<gst_video::VideoInfo, FitError> {
        gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, width, height)
            .colorimetry(&colorimetry(self.matrix))
            .fps(from.fps())
            .interlace_mode(from.interlace_mode())
            .build()
            .map_err(FitError::Convert)
    }
}

impl Conversion {
    fn new(
        from: &gst_video::VideoInfo,
        fitting: Fitting,
        to: gst_video::VideoInfo,
    ) -> Result<Self, FitError> {
        let settings = settings(from, fitting.window);
        Ok(Self {
            from: from.clone(),
            fitting,
            converter: gst_video::VideoConverter::new(from, &to, Some(settings))
                .map_err(FitError::Convert)?,
            pool: FramePool::new(to).map_err(FitError::Convert)?,
        })
    }
}

fn settings(from: &gst_video::VideoInfo, window: Window) -> gst_video::VideoConverterConfig {
    let mut settings = gst_video::VideoConverterConfig::new();
    settings.set_resampler_method(gst_video::VideoResamplerMethod::Linear);
    settings.set_chroma_resampler_method(gst_video::VideoResamplerMethod::Linear);
    settings.set_dither_method(gst_video::VideoDitherMethod::None);
    settings.set_threads(1);
    if window != Window::WHOLE {
        let (x, width) = pixels(window.left, window.width, from.width());
        let (y, height) = pixels(window.top, window.height, from.height());
        settings.set_src_x(x);
        settings.set_src_y(y);
        settings.set_src_width(Some(width));
        settings.set_src_height(Some(height));
    }
    settings
}

/// A part of a side in whole pixels: start and length, at least one.
fn pixels(start: f64, part: f64, side: u32) -> (i32, i32) {
    let most = to_i32(f64::from(side));
    let first = to_i32(start * f64::from(side)).clamp(0, (most - 1).max(0));
    let length = to_i32(part * f64::from(side)).clamp(1, (most - first).max(1));
    (first, length)
}

/// How GStreamer names the program's colours.
pub(super) fn colorimetry(matrix: Matrix) -> gst_video::VideoColorimetry {
    match matrix {
        Matrix::Bt601 => gst_video::VideoColorimetry::new(
            gst_video::VideoColorRange::Range16_235,
            gst_video::VideoColorMatrix::Bt601,
            gst_video::VideoTransferFunction::Bt601,
            gst_video::VideoColorPrimaries::Smpte170m,
        ),
        Matrix::Bt709 => gst_video::VideoColorimetry::new(
            gst_video::VideoColorRange::Range16_235,
            gst_video::VideoColorMatrix::Bt709,
            gst_video::VideoTransferFunction::Bt709,
            gst_video::VideoColorPrimaries::Bt709,
        ),
    }
}

/// The luma of a frame in the program's form; `None` for any other.
pub(super) fn luma(frame: &Frame) -> Option<Plane<'_>> {
    view(frame).map(|view| {
        let [luma, ..] = view.planes;
        luma
    })
}

/// The samples of a frame in the program's form; `None` for any other.
pub(super) fn view<T>(frame: &gst_video::VideoFrame<T>) -> Option<View<'_>> {
    if frame.format() != gst_video::VideoFormat::I420 {
        return None;
    }
    let (width, height) = (frame.width(), frame.height());
    let [luma, blue, red, _] = frame.planes_data();
    let [luma_stride, blue_stride, red_stride, ..] = *frame.plane_stride() else {
        return None;
    };
    let plane = |data, stride, width, height| {
        Plane::new(
            data,
            usize::try_from(stride).unwrap_or(0),
            to_usize(u64::from(width)),
            to_usize(u64::from(height)),
        )
    };
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    Some(View {
        planes: [
            plane(luma, luma_stride, width, height),
            plane(blue, blue_stride, half_width, half_height),
            plane(red, red_stride, half_width, half_height),
        ],
        alpha: None,
    })
}

/// The bitmap in another size.
pub(crate) fn scale_bitmap(bitmap: &Bitmap, width: u32, height: u32) -> Result<Bitmap, FitError> {
    let from = bitmap_info(
        to_u32(to_u64(bitmap.width())),
        to_u32(to_u64(bitmap.height())),
    )?;
    let to = bitmap_info(width, height)?;
    let fitting = Fitting {
        window: Window::WHOLE,
        size: (width, height),
    };
    let conversion = Conversion::new(&from, fitting, to)?;
    let buffer = gst::Buffer::from_slice(bitmap.as_bytes().to_vec());
    let source = Frame::from_buffer_readable(buffer, &from)
        .map_err(|_unmappable| FitError::Allocate(gst::FlowError::Error))?;
    let mut scaled = conversion.pool.acquire().map_err(FitError::Allocate)?;
    conversion.converter.frame(&source, &mut scaled);
    let scaled = readable(scaled)?;
    Ok(Bitmap::from_premultiplied(
        scaled.plane_data(0).unwrap_or_default(),
        packed_stride(&scaled),
        to_usize(u64::from(width)),
        to_usize(u64::from(height)),
    ))
}

/// The picture in a sample of blue, green, red and alpha.
pub(crate) fn bitmap_of(sample: &gst::Sample) -> Option<Bitmap> {
    let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
    let frame = Frame::from_buffer_readable(sample.buffer_owned()?, &info).ok()?;
    Some(Bitmap::from_straight(
        frame.plane_data(0).ok()?,
        packed_stride(&frame),
        usize::try_from(frame.width()).ok()?,
        usize::try_from(frame.height()).ok()?,
    ))
}

/// Bytes from row to row of a frame with one plane.
fn packed_stride(frame: &Frame) -> usize {
    frame
        .plane_stride()
        .first()
        .and_then(|stride| usize::try_from(*stride).ok())
        .unwrap_or(0)
}

fn bitmap_info(width: u32, height: u32) -> Result<gst_video::VideoInfo, FitError> {
    gst_video::VideoInfo::builder(gst_video::VideoFormat::Bgra, width, height)
        .build()
        .map_err(FitError::Convert)
}

fn readable(
    frame: gst_video::VideoFrame<gst_video::video_frame::Writable>,
) -> Result<Frame, FitError> {
    let info = frame.info().clone();
    Frame::from_buffer_readable(frame.into_buffer(), &info)
        .map_err(|_unmappable| FitError::Allocate(gst::FlowError::Error))
}
