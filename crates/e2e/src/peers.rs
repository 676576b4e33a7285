use std::net::{TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A program beside the system: a server, a camera or a player. Ends with the value.
#[derive(Debug)]
struct Peer(Child);

impl Peer {
    fn start(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.expect("the tests' programs are installed"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Something that can die and come back under the same address.
pub trait Mortal {
    /// Dies at once, without a word.
    fn die(&mut self);
    /// Comes back.
    fn come_back(&mut self);
}

/// An RTMP server (nginx) with the application `live`.
#[derive(Debug)]
pub struct RtmpServer {
    folder: TempDir,
    port: u16,
    process: Option<Peer>,
}

impl RtmpServer {
    /// Starts it on a port that the kernel chose.
    pub fn start() -> Self {
        let mut server = Self {
            folder: tempfile::tempdir().unwrap(),
            port: free_tcp_port(),
            process: None,
        };
        server.come_back();
        server
    }

    /// `rtmp://` address of its application.
    pub fn url(&self) -> String {
        format!("rtmp://127.0.0.1:{}/live", self.port)
    }
}

impl Mortal for RtmpServer {
    fn die(&mut self) {
        self.process = None;
    }

    fn come_back(&mut self) {
        let (folder, port) = (self.folder.path(), self.port);
        let path = folder.display();
        let configuration = format!(
            "load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;\n\
             daemon off; master_process off; worker_processes 1;\n\
             pid {path}/pid; error_log {path}/errors error;\n\
             events {{ worker_connections 64; }}\n\
             rtmp {{ server {{ listen 127.0.0.1:{port}; application live {{ live on; }} }} }}\n"
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, configuration).unwrap();
        let mut command = Command::new("/usr/sbin/nginx");
        self.process = Some(Peer::start(
            command.arg("-p").arg(folder).arg("-c").arg(file),
        ));
    }
}

/// A camera (ffmpeg): a moving picture and a tone, in real time.
#[derive(Debug)]
pub struct Camera {
    format: &'static str,
    url: String,
    process: Option<Peer>,
}

impl Camera {
    /// Publishes to an RTMP server.
    pub fn publish(url: &str) -> Self {
        Self::start("flv", url.to_owned())
    }

    /// Sends to whoever calls its SRT port.
    pub fn listen() -> Self {
        let port = free_udp_port();
        Self::start("mpegts", format!("srt://127.0.0.1:{port}"))
    }

    /// The address without parameters.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn start(format: &'static str, url: String) -> Self {
        let mut camera = Self {
            format,
            url,
            process: None,
        };
        camera.come_back();
        camera
    }
}

impl Mortal for Camera {
    fn die(&mut self) {
        self.process = None;
    }

    fn come_back(&mut self) {
        let url = if self.format == "mpegts" {
            format!("{}?mode=listener&latency=100000", self.url)
        } else {
            self.url.clone()
        };
        let mut command = Command::new("ffmpeg");
        command
            .args(["-v", "error", "-re", "-f", "lavfi"])
            .args(["-i", "testsrc2=s=320x180:r=30", "-re", "-f", "lavfi"])
            .args(["-i", "sine=500:r=48000", "-c:v", "libx264"])
            .args(["-preset", "ultrafast", "-tune", "zerolatency"])
            .args(["-pix_fmt", "yuv420p", "-g", "15", "-c:a", "aac"])
            .args(["-f", self.format, &url]);
        self.process = Some(Peer::start(&mut command));
    }
}

/// Somebody who listens for SRT and throws away what comes.
#[derive(Debug)]
pub struct SrtListener {
    port: u16,
    process: Option<Peer>,
}

impl SrtListener {
    /// Listens on a port that the kernel chose.
    pub fn start() -> Self {
        let mut listener = Self {
            port: free_udp_port(),
            process: None,
        };
        listener.come_back();
        listener
    }

    /// Its `srt://` address.
    pub fn url(&self) -> String {
        format!("srt://127.0.0.1:{}", self.port)
    }
}

impl Mortal for SrtListener {
    fn die(&mut self) {
        self.process = None;
    }

    fn come_back(&mut self) {
        let address = format!("srt://127.0.0.1:{}?mode=listener", self.port);
        let mut command = Command::new("srt-live-transmit");
        command
            .args(["-q", "-loglevel:fatal", "-chunk:1316"])
            .args([address.as_str(), "file://con"]);
        self.process = Some(Peer::start(&mut command));
    }
}

fn free_tcp_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn free_udp_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}
