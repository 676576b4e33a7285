//! Real servers and players that take an output.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use sm_common::id::OutputId;
use sm_common::output::{
    Adaptive, FileFormat, FileTarget, OutputTarget, RtmpTarget, SrtMode, SrtTarget,
};
use sm_common::secret::Secret;
use sm_media_protocol::WantedOutput;
use tempfile::TempDir;

/// No wait for a peer is longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process that ends with the test.
pub(crate) struct Peer(Child);

impl Peer {
    fn spawn(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(&mut self) {
        wait_until("the end of a peer", || self.0.try_wait().unwrap().is_some());
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn wait_until(what: &str, condition: impl FnMut() -> bool) {
    let mut condition = condition;
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "no {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn free_tcp_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub(crate) fn free_udp_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// An RTMP server that records what it is sent.
pub(crate) struct RtmpServer {
    folder: TempDir,
    port: u16,
    process: Option<Peer>,
}

impl RtmpServer {
    /// A server that is not there yet.
    pub(crate) fn absent() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            port: free_tcp_port(),
            process: None,
        }
    }

    pub(crate) fn start() -> Self {
        let mut server = Self::absent();
        server.come();
        server
    }

    /// Comes, or comes back.
    pub(crate) fn come(&mut self) {
        let folder = self.folder.path();
        let (path, port) = (folder.display(), self.port);
        let configuration = format!(
            "load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;\n\
             daemon off; master_process off; worker_processes 1;\n\
             pid {path}/pid; error_log {path}/errors info;\n\
             events {{ worker_connections 64; }}\n\
             rtmp {{ server {{ listen 127.0.0.1:{port}; application live {{\n\
             live on; record all; record_path {path}; record_suffix -%s.flv;\n\
             }} }} }}\n"
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, configuration).unwrap();
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-p").arg(folder).arg("-c").arg(&file);
        let log = File::create(folder.join("stderr")).unwrap();
        self.process = Some(Peer::spawn(command.stderr(log)));
        wait_until("RTMP server", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
    }

    /// Keeps its connections and does nothing more.
    pub(crate) fn freeze(&self) {
        let Peer(process) = self.process.as_ref().unwrap();
        let pid = rustix::process::Pid::from_child(process);
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    }

    /// Dies.
    pub(crate) fn die(&mut self) {
        self.process = None;
    }

    pub(crate) fn output(&self, key: &str) -> WantedOutput {
        rtmp(self.port, key)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// What it recorded, oldest first.
    pub(crate) fn recordings(&self) -> Vec<PathBuf> {
        files(self.folder.path(), "flv")
    }
}

/// The files with this extension, by name.
pub(crate) fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

/// Somebody whom an SRT caller calls, and who writes down what comes.
pub(crate) fn srt_listener(port: u16, file: &Path, query: &str) -> Peer {
    srt_reader(
        &format!("srt://127.0.0.1:{port}?mode=listener{query}"),
        file,
    )
}

/// Somebody who calls an SRT listener, and writes down what comes.
pub(crate) fn srt_caller(port: u16, file: &Path) -> Peer {
    srt_reader(&format!("srt://127.0.0.1:{port}?mode=caller"), file)
}

fn srt_reader(uri: &str, file: &Path) -> Peer {
    let out = File::create(file).unwrap();
    let mut command = Command::new("srt-live-transmit");
    command.args([
        "-q",
        "-a:no",
        "-loglevel:fatal",
        "-chunk:1316",
        uri,
        "file://con",
    ]);
    Peer::spawn(command.stdout(out).stderr(Stdio::null()))
}

fn wanted(target: OutputTarget) -> WantedOutput {
    WantedOutput {
        id: OutputId::generate(),
        target,
        adaptive: Adaptive::default(),
        generation: 1,
    }
}

pub(crate) fn rtmp(port: u16, key: &str) -> WantedOutput {
    wanted(OutputTarget::Rtmp(RtmpTarget {
        url: format!("rtmp://127.0.0.1:{port}/live"),
        key: Some(Secret::from(key.to_owned())),
    }))
}

pub(crate) fn srt(port: u16, mode: SrtMode, passphrase: Option<&str>) -> WantedOutput {
    wanted(OutputTarget::Srt(SrtTarget {
        url: format!("srt://127.0.0.1:{port}"),
        mode,
        stream_id: None,
        passphrase: passphrase.map(|text| Secret::from(text.to_owned())),
        latency_ms: 125,
    }))
}

pub(crate) fn file(format: FileFormat) -> WantedOutput {
    wanted(OutputTarget::File(FileTarget {
        format,
        ..FileTarget::default()
    }))
}
