use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use sm_common::id::StreamId;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

/// A launched worker: its process and its three ends.
#[derive(Debug)]
pub(super) struct Launched {
    pub(super) process: Process,
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

/// The worker's process. It leads a process group of its own, so that a signal to the host's
/// group, such as Ctrl-C, does not end it before its host asks it to end.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pub(super) pid: u32,
    pid_file: PathBuf,
}

/// Launches `program`.
///
/// Call from a thread that lives as long as the process does: a worker asks the kernel to be
/// ended with its parent, and for the kernel that is the thread that launched it. A runtime's
/// worker thread will do, its blocking pool will not.
pub(super) fn launch(
    program: &Path,
    pid_directory: &Path,
    stream: &StreamId,
) -> std::io::Result<Launched> {
    let mut child = Command::new(find(program))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let missing = || std::io::Error::other("the process has no standard streams");
    let stdin = child.stdin.take().ok_or_else(missing)?;
    let stdout = child.stdout.take().ok_or_else(missing)?;
    let stderr = child.stderr.take().ok_or_else(missing)?;
    let pid = child.id().ok_or_else(missing)?;
    let pid_file = pid_directory.join(format!("media-worker-{stream}.pid"));
    // People and tests look there; the worker does not depend on it.
    if let Err(error) = write_pid(&pid_file, pid) {
        tracing::warn!(stream.id = %stream, file = %pid_file.display(), %error, "pid not written");
    }
    Ok(Launched {
        process: Process {
            child,
            pid,
            pid_file,
        },
        stdin,
        stdout,
        stderr,
    })
}

impl Process {
    /// Waits for the process to end. Cancel-safe.
    pub(super) async fn wait(&mut self) -> std::io::Result<std::process::ExitStatus> {
        self.child.wait().await
    }

    /// Ends the process and everything it started, this instant.
    pub(super) fn kill(&self) {
        // Not after it was waited for: its identifier may be somebody else's by then.
        let running = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(group) = running.and_then(Pid::from_raw) {
            // It may have ended by itself in this moment.
            let _gone = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let own = self.pid.to_string();
        // Another host on this machine may have started the next worker already.
        if std::fs::read_to_string(&self.pid_file).is_ok_and(|text| text.trim() == own) {
            let _gone = std::fs::remove_file(&self.pid_file);
        }
    }
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

fn write_pid(file: &Path, pid: u32) -> std::io::Result<()> {
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let mut file = std::fs::File::create(file)?;
    writeln!(file, "{pid}")
}
