use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};
use sm_common::id::StreamId;
use sm_media_protocol::ENVIRONMENT;
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, Command};

use super::paths::Paths;

/// The worker's process. It leads a process group of its own, so that a signal to the host's
/// group, such as Ctrl-C, does not end it before its host asks it to end.
#[derive(Debug)]
pub(super) struct Process {
    handle: Handle,
    pub(super) pid: u32,
    paths: Paths,
    /// Whether the process outlives this value.
    released: bool,
}

/// What this process has of the worker's. Both stay true when the identifier is given to another
/// process.
#[derive(Debug)]
enum Handle {
    /// Launched here.
    Child(Child),
    /// Launched by an earlier host.
    Found(AsyncFd<OwnedFd>),
}

/// Launches `program`, with `socket` as its line to its hosts. Its log goes where this process's
/// does.
pub(super) fn launch(
    program: &Path,
    paths: Paths,
    stream: &StreamId,
    socket: OwnedFd,
) -> std::io::Result<Process> {
    let own = ENVIRONMENT
        .into_iter()
        .filter(|(name, _)| std::env::var_os(name).is_none());
    let child = Command::new(find(program))
        .arg(stream.as_str())
        .envs(own)
        .stdin(socket)
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .process_group(0)
        .spawn()?;
    let pid = child
        .id()
        .ok_or_else(|| std::io::Error::other("the process has ended"))?;
    let process = Process {
        handle: Handle::Child(child),
        pid,
        paths,
        released: false,
    };
    process.write_pid(stream);
    Ok(process)
}

/// Takes hold of the worker with this identifier. What the worker says afterwards proves that it
/// is the one that is held.
pub(super) fn find_running(pid: u32, paths: Paths, stream: &StreamId) -> std::io::Result<Process> {
    let fd = pidfd_open(raw(pid)?, PidfdFlags::NONBLOCK)?;
    #[expect(
        deprecated,
        reason = "the unsafe function in its place asks for what an owned descriptor has by its type"
    )]
    let fd = AsyncFd::new(fd)?;
    let process = Process {
        handle: Handle::Found(fd),
        pid,
        paths,
        released: false,
    };
    process.write_pid(stream);
    Ok(process)
}

impl Process {
    /// Waits for the process to end. Only its parent learns how it ended. Cancel-safe.
    pub(super) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        match &mut self.handle {
            Handle::Child(child) => child.wait().await,
            Handle::Found(fd) => {
                let _ended = fd.readable().await?;
                Err(std::io::Error::other("not a child of this process"))
            }
        }
    }

    /// Ends the process and everything it started, this instant.
    pub(super) fn kill(&self) {
        match &self.handle {
            Handle::Child(child) => {
                // Not after it was waited for: its identifier may be somebody else's by then.
                if let Some(group) = child.id().and_then(|pid| raw(pid).ok()) {
                    // It may have ended by itself in this moment.
                    let _gone = kill_process_group(group, Signal::KILL);
                }
            }
            Handle::Found(fd) => {
                // The descriptor means this process and no other, whatever becomes of the number.
                if pidfd_send_signal(fd, Signal::KILL).is_ok()
                    && let Ok(group) = raw(self.pid)
                {
                    let _gone = kill_process_group(group, Signal::KILL);
                }
            }
        }
    }

    /// Leaves the process to the next host.
    pub(super) const fn release(&mut self) {
        self.released = true;
    }

    fn write_pid(&self, stream: &StreamId) {
        // People and tests look there; the worker does not depend on it.
        if let Err(error) = self.paths.write_pid(self.pid) {
            let file = self.paths.pid_file.display();
            tracing::warn!(stream.id = %stream, %file, %error, "pid not written");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.released {
            self.kill();
            self.paths.remove_pid(self.pid);
        }
    }
}

fn raw(pid: u32) -> std::io::Result<Pid> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| std::io::Error::other("not the number of a process"))
}

/// A bare name is looked for beside this executable first, then, by the system, in `PATH`.
fn find(program: &Path) -> PathBuf {
    let is_bare = program.components().count() == 1 && program.parent() == Some(Path::new(""));
    let beside = std::env::current_exe()
        .ok()
        .and_then(|own| Some(own.parent()?.join(program)))
        .filter(|beside| is_bare && beside.is_file());
    beside.unwrap_or_else(|| program.to_owned())
}
