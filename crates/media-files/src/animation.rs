//! Animated pictures: GIF, WebP and PNG, frame by frame.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Seek};
use std::path::Path;
use std::time::Duration;

use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::LoopCount;
use image::{AnimationDecoder, Frames, ImageDecoder, ImageResult, Limits};

/// Files say 0 or 10 ms when they mean that they do not care, and every browser takes that for this.
const DELAY_USUAL: Duration = Duration::from_millis(100);
/// Shorter delays mean that.
const DELAY_MIN: Duration = Duration::from_millis(20);
/// Memory that a decoder may take for every pixel of the picture: the picture, what it is made
/// of, and what stays under the next frame.
const BYTES_PER_PIXEL: u64 = 16;
/// Bytes in which a GIF says how often it is shown, if it does: behind its size and palette.
const GIF_HEAD_BYTES: u64 = 4096;

/// A form of animation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnimationKind {
    /// GIF, also of one frame.
    Gif,
    /// `WebP` with several frames.
    Webp,
    /// PNG with several frames.
    Png,
}

/// How often an animation is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plays {
    /// Again and again.
    Forever,
    /// So often; its last frame stays.
    Times(u32),
}

/// A frame, complete as it is to be seen.
#[derive(Clone, PartialEq, Eq)]
pub struct Cel {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Red, green, blue and alpha, not premultiplied, row by row.
    pub pixels: Vec<u8>,
    /// For how long it is shown.
    pub delay: Duration,
}

impl fmt::Debug for Cel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cel")
            .field("width", &self.width)
            .field("height", &self.height)
            .field("delay", &self.delay)
            .finish_non_exhaustive()
    }
}

/// Why an animation cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum AnimationError {
    /// The file cannot be read.
    #[error("the file cannot be read")]
    File(#[source] std::io::Error),
    /// It has more pixels than are taken.
    #[error("the picture has {width}x{height} pixels; at most {pixels_max} are taken")]
    TooLarge {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
        /// Pixels it may have.
        pixels_max: u64,
    },
    /// It is broken.
    #[error("the picture cannot be decoded: {0}")]
    Broken(String),
}

/// An animation that is read frame by frame.
pub struct Animation {
    plays: Plays,
    /// `None` after an error: nothing comes after it.
    frames: Option<Frames<'static>>,
}

impl fmt::Debug for Animation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Animation")
            .field("plays", &self.plays)
            .finish_non_exhaustive()
    }
}

/// Which form of animation a file has that begins so; `None` for a still, and for everything
/// else. Of a PNG as much must be given as stands before its first picture.
pub fn is_animated(head: &[u8]) -> Option<AnimationKind> {
    let at = |start: usize, magic: &[u8]| head.get(start..start + magic.len()) == Some(magic);
    if at(0, b"GIF87a") || at(0, b"GIF89a") {
        return Some(AnimationKind::Gif);
    }
    let flags = head.get(20).copied().unwrap_or(0);
    if at(0, b"RIFF") && at(8, b"WEBPVP8X") && flags & 0b10 != 0 {
        return Some(AnimationKind::Webp);
    }
    if at(0, b"\x89PNG\r\n\x1a\n") && has_control_chunk(head) {
        return Some(AnimationKind::Png);
    }
    None
}

/// Whether a PNG says before its first picture that it is animated.
fn has_control_chunk(head: &[u8]) -> bool {
    let mut rest = head.get(8..).unwrap_or_default();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        match after.get(..4) {
            Some(b"acTL") => return true,
            Some(b"IDAT") | None => return false,
            Some(_) => {}
        }
        // The chunk's type and checksum come on top of its content.
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        rest = after.get(length.saturating_add(8)..).unwrap_or_default();
    }
    false
}

impl Animation {
    /// Opens a file of this form.
    pub fn open(path: &Path, kind: AnimationKind, pixels_max: u64) -> Result<Self, AnimationError> {
        let file = File::open(path).map_err(AnimationError::File)?;
        Self::read(BufReader::new(file), kind, pixels_max)
    }

    /// Reads a file of this form.
    pub fn read(
        mut file: impl BufRead + Seek + 'static,
        kind: AnimationKind,
        pixels_max: u64,
    ) -> Result<Self, AnimationError> {
        match kind {
            AnimationKind::Gif => {
                let repeats = repeats(&mut file).map_err(AnimationError::File)?;
                let animation = Self::of(bounded(GifDecoder::new(file), pixels_max)?);
                Ok(if repeats {
                    animation
                } else {
                    Self {
                        plays: Plays::Times(1),
                        ..animation
                    }
                })
            }
            AnimationKind::Webp => {
                let decoder = bounded(WebPDecoder::new(file), pixels_max)?;
                Ok(Self::of(decoder))
            }
            AnimationKind::Png => {
                let decoder = bounded(PngDecoder::new(file), pixels_max)?;
                decoder.apng().map(Self::of).map_err(|error| broken(&error))
            }
        }
    }

    fn of(decoder: impl AnimationDecoder<'static>) -> Self {
        let plays = match decoder.loop_count() {
            LoopCount::Infinite => Plays::Forever,
            LoopCount::Finite(times) => Plays::Times(times.get()),
        };
        Self {
            plays,
            frames: Some(decoder.into_frames()),
        }
    }

    /// How often it is shown.
    pub fn plays(&self) -> Plays {
        self.plays
    }
}

impl Iterator for Animation {
    type Item = Result<Cel, AnimationError>;

    fn next(&mut self) -> Option<Self::Item> {
        let frame = match self.frames.as_mut()?.next()? {
            Ok(frame) => frame,
            Err(error) => {
                self.frames = None;
                return Some(Err(broken(&error)));
            }
        };
        let delay = Duration::from(frame.delay());
        let picture = frame.into_buffer();
        Some(Ok(Cel {
            width: picture.width(),
            height: picture.height(),
            pixels: picture.into_raw(),
            delay: if delay < DELAY_MIN {
                DELAY_USUAL
            } else {
                delay
            },
        }))
    }
}

/// Whether a GIF says how often it is shown. One that does not is shown once, which its decoder
/// does not tell from for ever.
fn repeats(file: &mut (impl BufRead + Seek)) -> std::io::Result<bool> {
    let mut head = Vec::new();
    file.by_ref().take(GIF_HEAD_BYTES).read_to_end(&mut head)?;
    file.rewind()?;
    let says = |name: &[u8]| head.windows(name.len()).any(|part| part == name);
    Ok(says(b"NETSCAPE2.0") || says(b"ANIMEXTS1.0"))
}

/// A decoder that takes no more memory than the picture justifies.
fn bounded<D: ImageDecoder>(decoder: ImageResult<D>, pixels_max: u64) -> Result<D, AnimationError> {
    let mut decoder = decoder.map_err(|error| broken(&error))?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(AnimationError::Broken("it has no pixels".to_owned()));
    }
    if pixels > pixels_max {
        return Err(AnimationError::TooLarge {
            width,
            height,
            pixels_max,
        });
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(pixels.saturating_mul(BYTES_PER_PIXEL));
    decoder.set_limits(limits).map_err(|error| broken(&error))?;
    Ok(decoder)
}

fn broken(error: &image::ImageError) -> AnimationError {
    AnimationError::Broken(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::codecs::gif::{GifEncoder, Repeat};
    use image::{Delay, Frame, Rgba, RgbaImage};

    use super::*;

    const PIXELS_MAX: u64 = 1_000_000;

    fn gif(delays_ms: &[u32], repeat: Repeat) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = GifEncoder::new(&mut file);
        encoder.set_repeat(repeat).unwrap();
        for (n, delay) in delays_ms.iter().enumerate() {
            let red = u8::try_from(n * 50).unwrap();
            let picture = RgbaImage::from_pixel(8, 4, Rgba([red, 0, 0, 255]));
            let delay = Delay::from_numer_denom_ms(*delay, 1);
            encoder
                .encode_frame(Frame::from_parts(picture, 0, 0, delay))
                .unwrap();
        }
        drop(encoder);
        file
    }

    fn read(file: Vec<u8>) -> Result<Animation, AnimationError> {
        Animation::read(Cursor::new(file), AnimationKind::Gif, PIXELS_MAX)
    }

    #[test]
    fn frames_come_whole_with_their_delays() {
        let file = gif(&[40, 0, 500], Repeat::Infinite);
        assert_eq!(is_animated(&file), Some(AnimationKind::Gif));
        let animation = read(file).unwrap();
        assert_eq!(animation.plays(), Plays::Forever);
        let cels: Vec<Cel> = animation.map(Result::unwrap).collect();
        let delays: Vec<u128> = cels.iter().map(|cel| cel.delay.as_millis()).collect();
        assert_eq!(delays, [40, 100, 500]);
        assert!(cels.iter().all(|cel| (cel.width, cel.height) == (8, 4)));
        assert_eq!(cels[1].pixels[..4], [50, 0, 0, 255]);
    }

    #[test]
    fn an_animation_says_how_often_it_is_shown() {
        let file = gif(&[40, 40], Repeat::Finite(3));
        assert_eq!(read(file).unwrap().plays(), Plays::Times(3));
    }

    #[test]
    fn a_head_tells_animations_from_stills() {
        let webp = |flags: u8| {
            let mut head = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0".to_vec();
            head.push(flags);
            head
        };
        let png = |chunk: &[u8]| {
            let mut head = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
            head.extend([0; 17]);
            head.extend([0, 0, 0, 0]);
            head.extend_from_slice(chunk);
            head.extend([0; 8]);
            head
        };
        assert_eq!(is_animated(&webp(0b10)), Some(AnimationKind::Webp));
        assert_eq!(is_animated(&webp(0b10000)), None);
        assert_eq!(is_animated(&png(b"acTL")), Some(AnimationKind::Png));
        assert_eq!(is_animated(&png(b"IDAT")), None);
        assert_eq!(is_animated(&png(b"tEXt")), None);
        for head in [&b"GIF88a"[..], b"", b"\x89PNG\r\n\x1a\n", b"RIFF"] {
            assert_eq!(is_animated(head), None);
        }
    }

    #[test]
    fn hostile_animations_end_with_an_error_and_not_with_memory() {
        // A picture of 65535 by 65535 in a picture of 8 by 4.
        let mut bomb = gif(&[40], Repeat::Infinite);
        let descriptor = bomb
            .windows(5)
            .position(|w| w == [0x2c, 0, 0, 0, 0])
            .unwrap();
        bomb[descriptor + 5..descriptor + 9].fill(0xff);
        let outcome = read(bomb).map(Iterator::collect::<Result<Vec<_>, _>>);
        assert!(matches!(outcome, Err(_) | Ok(Err(_))), "{outcome:?}");

        let mut large = gif(&[40], Repeat::Infinite);
        large[6..10].fill(0xff);
        assert!(matches!(read(large), Err(AnimationError::TooLarge { .. })));

        let mut none = gif(&[40], Repeat::Infinite);
        none[6..10].fill(0);
        assert!(read(none).is_err());

        let whole = gif(&[40, 40, 40], Repeat::Infinite);
        for length in (0..whole.len()).step_by(7) {
            // Whatever is left is shown, or there is a reason.
            if let Ok(animation) = read(whole[..length].to_vec()) {
                assert!(animation.take(10).count() <= 4);
            }
        }
    }
}
