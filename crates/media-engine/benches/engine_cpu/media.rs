use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// What is composed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A looping video over the whole canvas, with sound.
    Background,
    /// A looping video of 480x270, with sound.
    Clip,
    /// A picture of 320x180 with alpha.
    Picture,
    /// A line of text.
    Text,
}

/// The text and its size in pixels.
pub(crate) const TEXT: &str = "Hello, stream";
pub(crate) const TEXT_SIZE: u32 = 48;

impl Piece {
    pub(crate) const fn width(self) -> u32 {
        match self {
            Self::Background => 0,
            Self::Clip => 480,
            Self::Picture => 320,
            Self::Text => 400,
        }
    }
}

/// The files that all compose.
#[derive(Debug)]
pub(crate) struct Media {
    pub(crate) background: PathBuf,
    pub(crate) clip: PathBuf,
    pub(crate) picture: PathBuf,
}

impl Media {
    pub(crate) fn make(folder: &Path, (width, height): (u32, u32)) -> anyhow::Result<Self> {
        let media = Self {
            background: folder.join(format!("background-{height}.mp4")),
            clip: folder.join("clip.mp4"),
            picture: folder.join("picture.png"),
        };
        make(
            &format!(
                "-f lavfi -i testsrc2=s={width}x{height}:r=30 -f lavfi -i sine=440:r=48000 -t 6 \
                 -c:v libx264 -crf 23 -pix_fmt yuv420p -colorspace bt709 -color_range tv -c:a aac"
            ),
            &media.background,
        )?;
        make(
            "-f lavfi -i mandelbrot=s=480x270:r=30 -f lavfi -i sine=880:r=48000 -t 5 \
             -c:v libx264 -crf 23 -pix_fmt yuv420p -colorspace bt709 -color_range tv -c:a aac",
            &media.clip,
        )?;
        make(
            "-f lavfi -i color=red:s=320x180,format=rgba,geq=r=X/2:g=Y:b=128:a=255*X/320 \
             -frames:v 1",
            &media.picture,
        )?;
        Ok(media)
    }
}

fn make(arguments: &str, file: &Path) -> anyhow::Result<()> {
    if file.exists() {
        return Ok(());
    }
    let status = Command::new("ffmpeg")
        .args(["-v", "error"])
        .args(arguments.split_whitespace())
        .arg(file)
        .status()
        .context("ffmpeg does not start")?;
    ensure!(status.success(), "ffmpeg cannot make a test file");
    Ok(())
}
