//! What a worker wrote, as a viewer sees and hears it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sm_common::clock::Timestamp;
use sm_media_protocol::{Report, Segment};

/// How far a decoded component may be from what was drawn: lossy coding at a high bitrate, and
/// rounding in both colour conversions.
pub(crate) const COLOR_TOLERANCE: u8 = 10;

pub(crate) struct Recording {
    file: PathBuf,
    pub(crate) segments: Vec<Segment>,
}

/// A decoded frame, three bytes a pixel.
#[derive(Clone)]
pub(crate) struct Frame {
    width: usize,
    data: Vec<u8>,
}

impl Recording {
    /// Joins the files that the reports name, in their order.
    pub(crate) fn join(folder: &Path, reports: &[Report]) -> Self {
        let mut bytes = Vec::new();
        let mut segments = Vec::new();
        for report in reports {
            match report {
                Report::InitWritten { file } => {
                    bytes.extend(fs::read(folder.join(file)).unwrap());
                }
                Report::SegmentWritten(segment) => {
                    let content = fs::read(folder.join(&segment.file)).unwrap();
                    assert_eq!(u64::try_from(content.len()).unwrap(), segment.bytes);
                    bytes.extend(content);
                    segments.push(segment.clone());
                }
                _ => {}
            }
        }
        Self::written(folder, &bytes, segments)
    }

    /// What a player gets that appends these files, in their order.
    pub(crate) fn of_files(folder: &Path, files: &[&str]) -> Self {
        let bytes: Vec<u8> = files
            .iter()
            .flat_map(|file| fs::read(folder.join(file)).unwrap())
            .collect();
        Self::written(folder, &bytes, Vec::new())
    }

    fn written(folder: &Path, bytes: &[u8], segments: Vec<Segment>) -> Self {
        let file = folder.join("recording.mp4");
        fs::write(&file, bytes).unwrap();
        Self { file, segments }
    }

    /// What somebody else wrote.
    pub(crate) fn of(file: PathBuf) -> Self {
        Self {
            file,
            segments: Vec::new(),
        }
    }

    /// All frames.
    pub(crate) fn frames(&self) -> Vec<Frame> {
        let (width, height) = self.size();
        let raw = output(
            Command::new("ffmpeg")
                .args(["-v", "error", "-i"])
                .arg(&self.file)
                .args([
                    "-map",
                    "0:v",
                    "-fps_mode",
                    "passthrough",
                    "-f",
                    "rawvideo",
                    "-pix_fmt",
                    "rgb24",
                    "-",
                ]),
        );
        raw.chunks_exact(width * height * 3)
            .map(|data| Frame {
                width,
                data: data.to_vec(),
            })
            .collect()
    }

    /// The frame before the last: what was on air when the test stopped it.
    pub(crate) fn last_frame(&self) -> Frame {
        self.frames().pop().expect("there are frames")
    }

    /// All samples of the left channel, -1 to 1.
    pub(crate) fn samples(&self) -> Vec<f32> {
        let raw = output(
            Command::new("ffmpeg")
                .args(["-v", "error", "-i"])
                .arg(&self.file)
                .args(["-map", "0:a", "-f", "f32le", "-af", "pan=mono|c0=c0", "-"]),
        );
        raw.chunks_exact(4)
            .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
            .collect()
    }

    /// When each packet of a track is shown, in the track's units: `v` or `a`.
    pub(crate) fn packet_times(&self, track: &str) -> Vec<i64> {
        let text = output(
            Command::new("ffprobe")
                .args(["-v", "error", "-select_streams", track])
                .args(["-show_entries", "packet=pts", "-of", "csv=p=0"])
                .arg(&self.file),
        );
        String::from_utf8(text)
            .unwrap()
            .lines()
            .map(|line| line.trim_matches(',').parse().unwrap())
            .collect()
    }

    /// When each packet of the picture is shown, and whether it is a keyframe.
    pub(crate) fn keyframes(&self) -> Vec<(i64, bool)> {
        let text = output(
            Command::new("ffprobe")
                .args(["-v", "error", "-select_streams", "v"])
                .args(["-show_entries", "packet=pts,flags", "-of", "csv=p=0"])
                .arg(&self.file),
        );
        String::from_utf8(text)
            .unwrap()
            .lines()
            .map(|line| {
                let (pts, flags) = line.split_once(',').unwrap();
                (pts.parse().unwrap(), flags.starts_with('K'))
            })
            .collect()
    }

    /// The seconds from each packet of a track to the next.
    pub(crate) fn steps(&self, track: &str) -> Vec<f64> {
        let text = output(
            Command::new("ffprobe")
                .args(["-v", "error", "-select_streams", track])
                .args(["-show_entries", "packet=pts_time", "-of", "csv=p=0"])
                .arg(&self.file),
        );
        let text = String::from_utf8(text).unwrap();
        let lines = text.lines().map(|line| line.trim_matches(','));
        let times: Vec<f64> = lines
            .filter(|line| !line.is_empty())
            .map(|line| line.parse().unwrap())
            .collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    /// What ffprobe complains about while it decodes everything.
    pub(crate) fn complaints(&self) -> String {
        let run = Command::new("ffmpeg")
            .args(["-v", "warning", "-xerror", "-i"])
            .arg(&self.file)
            .args(["-f", "null", "-"])
            .output()
            .unwrap();
        String::from_utf8(run.stderr).unwrap()
    }

    /// The number of the frame that was composed at this moment.
    pub(crate) fn frame_at(&self, moment: Timestamp, framerate: f64) -> usize {
        let first = self.segments[0].starts_at;
        let frames = moment.since(first).as_secs_f64() * framerate;
        (0..100_000_u32)
            .find(|&n| f64::from(n) + 0.5 >= frames)
            .map_or(0, |n| usize::try_from(n).unwrap())
    }

    pub(crate) fn size(&self) -> (usize, usize) {
        let text = output(
            Command::new("ffprobe")
                .args(["-v", "error", "-select_streams", "v"])
                .args(["-show_entries", "stream=width,height", "-of", "csv=p=0"])
                .arg(&self.file),
        );
        let text = String::from_utf8(text).unwrap();
        // A transport stream names its tracks once more for their programme.
        let first = text.lines().next().unwrap();
        let mut sizes = first
            .split(',')
            .filter(|size| !size.is_empty())
            .map(|size| size.parse().unwrap());
        (sizes.next().unwrap(), sizes.next().unwrap())
    }
}

impl Frame {
    /// A frame from a picture file.
    pub(crate) fn read(path: &Path, width: usize) -> Self {
        let data = output(
            Command::new("ffmpeg")
                .args(["-v", "error", "-i"])
                .arg(path)
                .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]),
        );
        Self { width, data }
    }

    pub(crate) fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        let start = (y * self.width + x) * 3;
        self.data[start..start + 3].try_into().unwrap()
    }

    /// Whether the pixel has this colour, within [`COLOR_TOLERANCE`].
    pub(crate) fn is(&self, x: usize, y: usize, color: [u8; 3]) -> bool {
        let mut pairs = self.pixel(x, y).into_iter().zip(color);
        pairs.all(|(seen, drawn)| seen.abs_diff(drawn) <= COLOR_TOLERANCE)
    }

    #[track_caller]
    pub(crate) fn assert_is(&self, x: usize, y: usize, color: [u8; 3]) {
        let seen = self.pixel(x, y);
        assert!(
            self.is(x, y, color),
            "at {x},{y}: {seen:?} is not {color:?}"
        );
    }

    /// The pixels of a part, row by row.
    pub(crate) fn part(&self, [x, y, width, height]: [usize; 4]) -> Vec<[u8; 3]> {
        (y..y + height)
            .flat_map(|y| (x..x + width).map(move |x| (x, y)))
            .map(|(x, y)| self.pixel(x, y))
            .collect()
    }
}

/// How different two parts are: the mean difference of their components.
pub(crate) fn difference(a: &[[u8; 3]], b: &[[u8; 3]]) -> f64 {
    assert_eq!(a.len(), b.len());
    let components = a.as_flattened().iter().zip(b.as_flattened());
    let sum: u32 = components.map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    f64::from(sum) / f64::from(u32::try_from(a.len() * 3).unwrap())
}

/// Makes a file with ffmpeg.
pub(crate) fn make(path: &Path, arguments: &[&str]) {
    output(
        Command::new("ffmpeg")
            .args(["-v", "error", "-y"])
            .args(arguments)
            .arg(path),
    );
}

fn output(command: &mut Command) -> Vec<u8> {
    let run = command.output().expect("ffmpeg and ffprobe are installed");
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{command:?}: {errors}");
    run.stdout
}
