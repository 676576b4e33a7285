//! The process that draws a page.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::process::{Pid, Signal, kill_process_group};
use sm_common::id::LayerId;
use sm_media_protocol::{RenderNews, RenderOrder, SLOTS, decode, encode};

use super::usage::{Usage, measure};
use crate::number::{to_u64, to_usize};
use crate::picture::Picture;

/// This executable, whatever became of its file since it was started.
const OWN_EXECUTABLE: &str = "/proc/self/exe";
/// The name that people see, and the argument that makes it a renderer: no name of a stream.
const NAME: &str = "media-worker-web";
const ARGUMENT: &str = "--render-web";
/// Longest line that a renderer says.
const LINE_BYTES_MAX: usize = 4096;

/// A running renderer. Dropping it ends the process and its helpers.
#[derive(Debug)]
pub(super) struct Renderer {
    child: Child,
    line: UnixStream,
    /// What was heard and is not taken yet.
    heard: Vec<u8>,
    memory: File,
    /// Its own folder, for what WebKit keeps.
    folder: PathBuf,
    size: (usize, usize),
    samples: Vec<u8>,
}

/// What a renderer says.
#[derive(Debug)]
pub(super) enum Said {
    News(RenderNews),
    /// Nothing, for as long as one listened.
    Nothing,
    /// Nothing more: it has ended, or says what means nothing.
    Gone,
}

impl Renderer {
    /// Starts a renderer and tells it what to draw.
    pub(super) fn launch(order: &RenderOrder) -> std::io::Result<Self> {
        let size = (
            to_usize(order.page.width.into()),
            to_usize(order.page.height.into()),
        );
        let bytes = Picture::sample_bytes(size.0, size.1);
        let memory = shared(u64::from(SLOTS) * to_u64(bytes))?;
        let (line, theirs) = UnixStream::pair()?;
        let folder = std::env::temp_dir().join(format!("{NAME}-{}", LayerId::generate()));
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        let child = Command::new(OWN_EXECUTABLE)
            .arg0(NAME)
            .arg(ARGUMENT)
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env("HOME", &folder)
            .env("XDG_CACHE_HOME", &folder)
            .env("XDG_CONFIG_HOME", &folder)
            .env("XDG_DATA_HOME", &folder)
            .env("XDG_RUNTIME_DIR", &folder)
            .stdin(OwnedFd::from(theirs))
            .stdout(OwnedFd::from(memory.try_clone()?))
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        let child = child.inspect_err(|_error| remove(&folder))?;
        let mut renderer = Self {
            child,
            line,
            heard: Vec::new(),
            memory,
            folder,
            size,
            samples: vec![0; bytes],
        };
        let order = encode(order).map_err(std::io::Error::other)?;
        renderer.line.write_all(&order)?;
        Ok(renderer)
    }

    /// Its line, to end it from another thread.
    pub(super) fn line(&self) -> std::io::Result<UnixStream> {
        self.line.try_clone()
    }

    /// What it says next, within this time.
    pub(super) fn listen(&mut self, patience: Duration) -> Said {
        let patience = patience.max(Duration::from_millis(1));
        if self.line.set_read_timeout(Some(patience)).is_err() {
            return Said::Gone;
        }
        if let Some(said) = self.taken() {
            return said;
        }
        let mut bytes = [0; LINE_BYTES_MAX];
        match self.line.read(&mut bytes) {
            Ok(0) => Said::Gone,
            Ok(count) => {
                self.heard.extend(bytes.iter().take(count));
                self.taken().unwrap_or(Said::Nothing)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                Said::Nothing
            }
            Err(_) => Said::Gone,
        }
    }

    /// The first whole line that was heard.
    fn taken(&mut self) -> Option<Said> {
        let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') else {
            return (self.heard.len() > LINE_BYTES_MAX).then_some(Said::Gone);
        };
        let line: Vec<u8> = self.heard.drain(..=end).collect();
        Some(decode(&line).map_or(Said::Gone, Said::News))
    }

    /// The picture in this place of the shared memory; `None` where there is no such place.
    pub(super) fn picture(&mut self, slot: u32, opaque: bool) -> Option<Picture> {
        if slot >= SLOTS {
            return None;
        }
        let at = u64::from(slot) * to_u64(self.samples.len());
        self.memory.read_exact_at(&mut self.samples, at).ok()?;
        Picture::from_samples(self.size.0, self.size.1, &self.samples, opaque)
    }

    /// What it and its helpers use.
    pub(super) fn usage(&self) -> Usage {
        measure(self.child.id())
    }
}

impl Drop for Renderer {
    fn drop(&mut self) {
        // Whichever of these it still hears; the last is heard always.
        let _ = self.line.shutdown(Shutdown::Both);
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        remove(&self.folder);
    }
}

/// Memory of this size, which whoever has it can neither grow nor shrink.
fn shared(bytes: u64) -> std::io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = File::from(rustix::fs::memfd_create(NAME, flags)?);
    memory.set_len(bytes)?;
    let seals = SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&memory, seals)?;
    Ok(memory)
}

fn remove(folder: &PathBuf) {
    if let Err(error) = std::fs::remove_dir_all(folder) {
        tracing::debug!(%error, "a page's folder is left behind");
    }
}
