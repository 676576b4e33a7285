//! The process that looks into an uploaded picture or font: decodes it to its end, and draws its
//! thumbnail. It runs in the sandbox of [`sm_probe`].

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use sm_media_files::{
    Animation, AnimationError, AnimationKind, Drawing, Font, PictureLimits, Still, StillError,
    SvgLimits, Thumbnail, is_animated,
};
use sm_probe::{Findings, Limits, Look, Order, Refusal};

use crate::domain::upload::SVG;

/// What the process may read beside the file: the fonts that drawings are written in.
const READABLE: [&str; 3] = ["/usr/share/fonts", "/usr/local/share/fonts", "/etc/fonts"];
/// Bytes that stand before the first picture of an animation, at most.
const HEAD_BYTES: u64 = 64 * 1024;

/// The `main` of the process. `argument` is the order.
pub fn probe(argument: Option<String>) -> ExitCode {
    sm_probe::answer(argument, &READABLE.map(Path::new), look)
}

fn look(file: File, order: &Order) -> Result<Look, Refusal> {
    let Order { media_type, limits } = order;
    match media_type.as_str() {
        SVG => look_at_drawing(file, limits),
        font if font.starts_with("font/") => look_at_font(file, limits),
        _ => look_at_picture(file, limits),
    }
}

fn look_at_picture(mut file: File, limits: &Limits) -> Result<Look, Refusal> {
    let mut head = Vec::new();
    let read = (&mut file).take(HEAD_BYTES).read_to_end(&mut head);
    read.and_then(|_bytes| file.rewind()).map_err(unreadable)?;
    let file = BufReader::new(file);
    if let Some(kind) = is_animated(&head) {
        return look_at_animation(file, kind, limits);
    }
    let still = Still::read(file, pictures(limits)).map_err(|error| match error {
        StillError::TooLarge { .. } => Refusal::dimensions(error.to_string()),
        StillError::Broken(_) | StillError::TooCostly => Refusal::broken(error.to_string()),
    })?;
    let findings = Findings {
        size: Some(still.size()),
        ..Findings::default()
    };
    Ok(seen(findings, still.thumbnail(limits.thumbnail_side)))
}

/// Frame by frame: what one frame of a thousand hides is found here and not on air.
fn look_at_animation(
    file: BufReader<File>,
    kind: AnimationKind,
    limits: &Limits,
) -> Result<Look, Refusal> {
    let refused = |error: AnimationError| match error {
        AnimationError::TooLarge { .. } => Refusal::dimensions(error.to_string()),
        AnimationError::File(_) | AnimationError::Broken(_) => Refusal::broken(error.to_string()),
    };
    let animation = Animation::read(file, kind, limits.pixels_max).map_err(refused)?;
    let (mut frames, mut length) = (0_u64, Duration::ZERO);
    let mut first = None;
    for cel in animation {
        let cel = cel.map_err(refused)?;
        frames += 1;
        length += cel.delay;
        let length_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        if frames > limits.frames_max || length_ms > limits.duration_ms_max {
            return Err(Refusal::length(format!(
                "the animation has more than {} frames or lasts longer than {} ms",
                limits.frames_max, limits.duration_ms_max
            )));
        }
        first.get_or_insert(cel);
    }
    let first = first.ok_or_else(|| Refusal::broken("the picture has no frame"))?;
    let side = first.width.max(first.height);
    if side > limits.side_max {
        return Err(Refusal::dimensions(format!(
            "the picture has {}x{} pixels; at most {} on a side are taken",
            first.width, first.height, limits.side_max
        )));
    }
    let moves = frames > 1;
    let findings = Findings {
        size: Some((first.width, first.height)),
        frames: moves.then_some(frames),
        duration_ms: moves.then(|| u64::try_from(length.as_millis()).unwrap_or(u64::MAX)),
        ..Findings::default()
    };
    let thumbnail = Thumbnail::of_pixels(
        first.width,
        first.height,
        first.pixels,
        limits.thumbnail_side,
    );
    Ok(seen(findings, thumbnail))
}

fn look_at_drawing(mut file: File, limits: &Limits) -> Result<Look, Refusal> {
    let svg = SvgLimits {
        bytes_max: limits.svg_bytes_max,
        depth_max: limits.svg_depth_max,
        weight_max: limits.svg_parts_max,
        ..SvgLimits::default()
    };
    // One byte more than may be, so that it is the reader of drawings who says what is wrong.
    let bytes_max = u64::try_from(svg.bytes_max).unwrap_or(u64::MAX);
    let text = read(&mut file, bytes_max.saturating_add(1))?;
    let drawing = Drawing::read(&text, svg).map_err(|error| Refusal::broken(error.to_string()))?;
    let findings = Findings {
        size: Some(drawing.size(limits.side_max)),
        ..Findings::default()
    };
    Ok(seen(findings, drawing.thumbnail(limits.thumbnail_side)))
}

fn look_at_font(mut file: File, limits: &Limits) -> Result<Look, Refusal> {
    let bytes_max = limits.font_bytes_max;
    let data = read(&mut file, bytes_max.saturating_add(1))?;
    if u64::try_from(data.len()).is_ok_and(|bytes| bytes > bytes_max) {
        return Err(Refusal::broken(format!(
            "the font has more than {bytes_max} bytes"
        )));
    }
    let font = Font::read(&data).map_err(|error| Refusal::broken(error.to_string()))?;
    let findings = Findings {
        family: font.family(),
        ..Findings::default()
    };
    let side = limits.thumbnail_side;
    Ok(seen(findings, font.thumbnail(side, side / 2)))
}

fn read(file: &mut File, bytes_max: u64) -> Result<Vec<u8>, Refusal> {
    let mut data = Vec::new();
    let read = file.take(bytes_max).read_to_end(&mut data);
    read.map_err(unreadable)?;
    Ok(data)
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn unreadable(error: std::io::Error) -> Refusal {
    Refusal::broken(format!("the file cannot be read: {error}"))
}

const fn pictures(limits: &Limits) -> PictureLimits {
    PictureLimits {
        side_max: limits.side_max,
        pixels_max: limits.pixels_max,
    }
}

fn seen(mut findings: Findings, thumbnail: Option<Thumbnail>) -> Look {
    let (media_type, thumbnail) = match thumbnail {
        Some(Thumbnail { media_type, bytes }) => (Some(media_type.to_owned()), bytes),
        None => (None, Vec::new()),
    };
    findings.thumbnail = media_type;
    Look {
        findings,
        thumbnail,
    }
}
