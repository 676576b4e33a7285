//! Where a stream's worker is found: its pid file, and the socket that it takes its hosts on.

use std::fs;
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, socket_with};
use sm_common::id::StreamId;
use tokio::net::UnixStream;

/// The directory of the sockets, under `worker.pid_directory`; nobody else can enter it.
const SOCKETS: &str = "media-workers";
const PRIVATE_DIRECTORY: u32 = 0o700;
const PRIVATE_FILE: u32 = 0o600;
/// Whatever the group and others may do.
const OTHERS: u32 = 0o077;

/// The files of one worker.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    pub(super) pid_file: PathBuf,
    sockets: PathBuf,
    socket: String,
}

impl Paths {
    pub(super) fn new(pid_directory: &Path, stream: &StreamId) -> Self {
        Self {
            pid_file: pid_directory.join(format!("media-worker-{stream}.pid")),
            sockets: pid_directory.join(SOCKETS),
            socket: format!("{stream}.sock"),
        }
    }

    /// Makes the socket that the next worker will listen on; until it does, nobody can connect. What
    /// is there belongs to a worker that is gone: the holder of the lease has adopted or ended
    /// every other.
    pub(super) fn make_socket(&self) -> io::Result<OwnedFd> {
        let directory = self.private_directory()?;
        let path = self.address(&directory);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        bind(&socket, &SocketAddrUnix::new(&path)?)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(PRIVATE_FILE))?;
        Ok(socket)
    }

    /// Connects to the worker that is there; `None` when there is none.
    pub(super) async fn connect(&self) -> io::Result<Option<UnixStream>> {
        if !self.sockets.exists() {
            return Ok(None);
        }
        let directory = self.private_directory()?;
        connect_to(&self.address(&directory)).await
    }

    /// The directory of the sockets: made where it is missing, refused where others can enter.
    fn private_directory(&self) -> io::Result<fs::File> {
        private_directory(&self.sockets)
    }

    fn address(&self, directory: &fs::File) -> PathBuf {
        address_in(directory, &self.socket)
    }

    pub(super) fn write_pid(&self, pid: u32) -> io::Result<()> {
        if let Some(directory) = self.pid_file.parent() {
            fs::create_dir_all(directory)?;
        }
        let mut file = fs::File::create(&self.pid_file)?;
        writeln!(file, "{pid}")
    }

    /// Removes the pid file of the process with this identifier. Another host on this machine may
    /// have started the next worker already. The socket stays: nobody listens on it any more, and
    /// removing it could hit the next worker's.
    pub(super) fn remove_pid(&self, pid: u32) {
        let own = pid.to_string();
        if fs::read_to_string(&self.pid_file).is_ok_and(|text| text.trim() == own) {
            let _gone = fs::remove_file(&self.pid_file);
        }
    }
}

/// A directory that only this user can enter: made where it is missing, refused where others can.
pub(super) fn private_directory(path: &Path) -> io::Result<fs::File> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    match builder.mode(PRIVATE_DIRECTORY).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let directory = fs::File::open(path)?;
    let metadata = directory.metadata()?;
    let own = metadata.uid() == rustix::process::geteuid().as_raw();
    if own && metadata.is_dir() && metadata.mode() & OTHERS == 0 {
        Ok(directory)
    } else {
        let path = path.display();
        Err(io::Error::other(format!(
            "{path} must be this user's alone"
        )))
    }
}

/// A socket's address by way of its open directory: addresses of sockets are short, and paths of
/// directories need not be.
pub(super) fn address_in(directory: &fs::File, socket: &str) -> PathBuf {
    let descriptor = directory.as_raw_fd();
    PathBuf::from(format!("/proc/self/fd/{descriptor}/{socket}"))
}

/// Connects to a socket; `None` when nobody listens there.
pub(super) async fn connect_to(address: &Path) -> io::Result<Option<UnixStream>> {
    match UnixStream::connect(address).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if nobody_listens(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn nobody_listens(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(directory: &Path) -> Paths {
        Paths::new(directory, &"main".parse().unwrap())
    }

    #[tokio::test]
    async fn only_this_user_can_come_in_and_what_is_stale_is_nobody() {
        let directory = tempfile::tempdir().unwrap();
        // Far longer than the address of a socket may be.
        let deep = directory.path().join("d".repeat(200));
        let paths = paths(&deep);
        assert!(paths.connect().await.unwrap().is_none());
        let socket = paths.make_socket().unwrap();
        let sockets = deep.join(SOCKETS);
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&sockets), PRIVATE_DIRECTORY);
        assert_eq!(mode(&sockets.join("main.sock")), PRIVATE_FILE);
        assert!(paths.connect().await.unwrap().is_none(), "not yet");
        rustix::net::listen(&socket, 1).unwrap();
        let line = paths.connect().await.unwrap().unwrap();
        let listening = line.peer_cred().unwrap().pid().unwrap();
        assert_eq!(listening.cast_unsigned(), std::process::id());
        drop(socket);
        assert!(paths.connect().await.unwrap().is_none(), "nobody listens");
        assert!(paths.make_socket().is_ok(), "what is stale is replaced");
        paths.write_pid(7).unwrap();
        paths.remove_pid(8);
        assert!(paths.pid_file.exists());
        paths.remove_pid(7);
        assert!(!paths.pid_file.exists());
    }

    #[tokio::test]
    async fn a_directory_that_others_can_enter_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let sockets = directory.path().join(SOCKETS);
        fs::create_dir(&sockets).unwrap();
        fs::set_permissions(&sockets, fs::Permissions::from_mode(0o755)).unwrap();
        let paths = paths(directory.path());
        assert!(paths.make_socket().is_err() && paths.connect().await.is_err());
    }
}
