use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// A colour, 0 to 255 each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl Rgb {
    /// Whether no part differs by more than `tolerance`: encoding to 4:2:0 at a low bitrate is
    /// not exact.
    pub fn is_near(self, other: Self, tolerance: u8) -> bool {
        let near = |a: u8, b: u8| a.abs_diff(b) <= tolerance;
        near(self.0, other.0) && near(self.1, other.1) && near(self.2, other.2)
    }
}

/// One decoded frame.
#[derive(Clone, Debug)]
pub struct Still {
    width: usize,
    pixels: Vec<u8>,
}

impl Still {
    /// What `look` says of each frame of a file, one after the other: a few seconds of program are
    /// more than belongs in memory.
    pub fn each_of<T>(file: &Path, width: usize, mut look: impl FnMut(&Self) -> T) -> Vec<T> {
        let mut decoder = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(file)
            .args(["-fps_mode", "passthrough"])
            .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("ffmpeg is installed");
        let mut frames = decoder.stdout.take().expect("it is piped");
        let mut still = Self {
            width,
            pixels: vec![0; width * width * 9 / 16 * 3],
        };
        let mut looks = Vec::new();
        while frames.read_exact(&mut still.pixels).is_ok() {
            looks.push(look(&still));
        }
        assert!(decoder.wait().expect("it was started").success());
        looks
    }

    /// The last frame of a file.
    pub fn last_of(file: &Path, width: usize) -> Self {
        let output = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(file)
            .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
            .output()
            .expect("ffmpeg is installed");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let frames = output.stdout;
        let frame_bytes = width * width * 9 / 16 * 3;
        assert!(frames.len() >= frame_bytes, "the file holds a frame");
        let pixels = frames.split_at(frames.len() - frame_bytes).1.to_vec();
        Self { width, pixels }
    }

    /// The most that any part of any pixel differs from the same in another frame of that size.
    pub fn difference(&self, other: &Self) -> u8 {
        assert_eq!(self.pixels.len(), other.pixels.len(), "frames of one size");
        let parts = self.pixels.iter().zip(&other.pixels);
        parts
            .map(|(one, other)| one.abs_diff(*other))
            .max()
            .unwrap_or_default()
    }

    /// The colour at a place.
    pub fn at(&self, x: usize, y: usize) -> Rgb {
        let place = (y * self.width + x) * 3;
        let part = |offset: usize| *self.pixels.get(place + offset).expect("inside the picture");
        Rgb(part(0), part(1), part(2))
    }
}
