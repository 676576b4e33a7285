//! An RTSP server: ffmpeg makes the packets, and this passes them on within the connection.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::network_servers::Running;

/// How a server behaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manners {
    /// The `Authorization` that is asked for.
    pub(crate) authorization: Option<String>,
    /// Where everybody is sent instead.
    pub(crate) redirect: Option<String>,
    /// What the addresses of the streams begin with; relative ones otherwise.
    pub(crate) control: String,
    /// Says this instead of anything that makes sense.
    pub(crate) noise: Option<Vec<u8>>,
}

pub(crate) struct RtspServer {
    pub(crate) port: u16,
    folder: tempfile::TempDir,
    sockets: Arc<[UdpSocket; 2]>,
    shared: Arc<Shared>,
    camera: Option<Running>,
}

#[derive(Default)]
struct Shared {
    sdp: Mutex<String>,
    manners: Manners,
    up: AtomicBool,
    /// The connection that is sent to: the newest.
    newest: AtomicU64,
}

impl RtspServer {
    /// A server that hangs up on everybody.
    pub(crate) fn absent(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket
                .set_read_timeout(Some(Duration::from_millis(5)))
                .unwrap();
            socket
        };
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            folder: tempfile::tempdir().unwrap(),
            sockets: Arc::new([socket(), socket()]),
            shared: Arc::new(Shared {
                manners,
                ..Shared::default()
            }),
            camera: None,
        };
        let (shared, sockets) = (Arc::clone(&server.shared), Arc::clone(&server.sockets));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, sockets) = (Arc::clone(&shared), Arc::clone(&sockets));
                // Players go away in the middle of an answer.
                thread::spawn(move || drop(shared.serve(stream, &sockets)));
            }
        });
        server
    }

    /// A server that sends this picture, and a tone.
    pub(crate) fn start(manners: Manners, picture: &str) -> Self {
        let mut server = Self::absent(manners);
        server.come(picture);
        server
    }

    pub(crate) fn url(&self, user: &str) -> String {
        format!("rtsp://{user}127.0.0.1:{}/camera?channel=1", self.port)
    }

    /// Comes, or comes back, with this picture.
    pub(crate) fn come(&mut self, picture: &str) {
        let sdp = self.folder.path().join("sdp");
        let _ = fs::remove_file(&sdp);
        let [video, sound] = &*self.sockets;
        self.camera = Some(camera(picture, &sdp, [video, sound]));
        let described = wait_for(&sdp);
        *self.shared.sdp.lock().unwrap() = with_controls(&described, &self.shared.manners.control);
        self.shared.up.store(true, Ordering::SeqCst);
    }

    /// Hangs up on everybody.
    pub(crate) fn die(&mut self) {
        self.shared.up.store(false, Ordering::SeqCst);
        self.camera = None;
    }
}

fn camera(picture: &str, sdp: &Path, sockets: [&UdpSocket; 2]) -> Running {
    let [video, sound] = sockets.map(|socket| {
        let port = socket.local_addr().unwrap().port();
        format!("rtp://127.0.0.1:{port}?pkt_size=1200")
    });
    Running::start(
        Command::new("ffmpeg")
            .args(["-v", "error", "-re", "-f", "lavfi", "-i", picture])
            .args(["-re", "-f", "lavfi", "-i", crate::network_servers::TONE])
            .args(["-map", "0:v", "-c:v", "libx264", "-preset", "ultrafast"])
            .args(["-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "15"])
            .args(["-flags", "+global_header", "-f", "rtp", &video])
            .args(["-map", "1:a", "-c:a", "aac", "-flags", "+global_header"])
            .args(["-f", "rtp", &sound, "-sdp_file"])
            .arg(sdp),
    )
}

/// What ffmpeg wrote, once it is whole: both streams have a format then.
fn wait_for(sdp: &Path) -> String {
    let deadline = Instant::now() + crate::worker::PATIENCE;
    loop {
        let text = fs::read_to_string(sdp).unwrap_or_default();
        if text.matches("a=fmtp:").count() == 2 && text.ends_with('\n') {
            return text;
        }
        assert!(
            Instant::now() < deadline,
            "ffmpeg describes nothing: {text}"
        );
        thread::yield_now();
    }
}

/// The description with an address for each stream.
fn with_controls(sdp: &str, base: &str) -> String {
    let mut text = String::new();
    let mut streams = 0;
    let mut control = |text: &mut String| {
        if streams > 0 {
            let number = streams - 1;
            let line = format!("a=control:{base}trackID={number}\r\n");
            text.push_str(&line);
        }
        streams += 1;
    };
    for line in sdp.lines().filter(|line| *line != "SDP:") {
        if line.starts_with("m=") {
            control(&mut text);
        }
        text.push_str(line);
        text.push_str("\r\n");
    }
    control(&mut text);
    text
}

impl Shared {
    fn serve(&self, mut stream: TcpStream, sockets: &[UdpSocket; 2]) -> std::io::Result<()> {
        if let Some(noise) = &self.manners.noise {
            let _ = stream.read(&mut [0; 1024])?;
            return stream.write_all(noise);
        }
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        while self.up.load(Ordering::SeqCst) {
            let Some(request) = lines.next() else {
                return Ok(());
            };
            let request = request?;
            let mut headers = Vec::new();
            for line in lines.by_ref() {
                let line = line?;
                if line.is_empty() {
                    break;
                }
                headers.push(line);
            }
            let method = request.split(' ').next().unwrap_or_default();
            stream.write_all(self.answer(method, &headers).as_bytes())?;
            if method == "PLAY" {
                let number = self.newest.fetch_add(1, Ordering::SeqCst) + 1;
                return self.send(&mut stream, sockets, number);
            }
        }
        Ok(())
    }

    fn answer(&self, method: &str, headers: &[String]) -> String {
        let header = |name: &str| {
            headers
                .iter()
                .filter_map(|line| line.split_once(": "))
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map_or("", |(_, value)| value)
        };
        let cseq = header("cseq");
        let (status, more, body) = match method {
            _ if self.manners.redirect.is_some() => {
                let to = self.manners.redirect.as_deref().unwrap();
                ("302 Found", format!("Location: {to}\r\n"), String::new())
            }
            _ if self
                .manners
                .authorization
                .as_deref()
                .is_some_and(|wanted| header("authorization") != wanted) =>
            {
                let more = "WWW-Authenticate: Basic realm=\"camera\"\r\n".to_owned();
                ("401 Unauthorized", more, String::new())
            }
            "DESCRIBE" => (
                "200 OK",
                "Content-Type: application/sdp\r\n".to_owned(),
                self.sdp.lock().unwrap().clone(),
            ),
            "SETUP" => {
                let transport = header("transport");
                (
                    "200 OK",
                    format!("Transport: {transport}\r\n"),
                    String::new(),
                )
            }
            _ => ("200 OK", String::new(), String::new()),
        };
        let length = body.len();
        format!(
            "RTSP/1.0 {status}\r\nCSeq: {cseq}\r\nSession: 4711\r\n{more}\
             Content-Length: {length}\r\n\r\n{body}"
        )
    }

    /// Passes packets on until the server dies, or the player leaves.
    fn send(
        &self,
        stream: &mut TcpStream,
        sockets: &[UdpSocket; 2],
        number: u64,
    ) -> std::io::Result<()> {
        let mut packet = [0; 2048];
        while self.up.load(Ordering::SeqCst) && self.newest.load(Ordering::SeqCst) == number {
            for (channel, socket) in [0, 2].into_iter().zip(sockets) {
                if let Ok(length) = socket.recv(&mut packet) {
                    let size = u16::try_from(length).unwrap().to_be_bytes();
                    stream.write_all(&[b'$', channel, size[0], size[1]])?;
                    stream.write_all(&packet[..length])?;
                }
            }
        }
        Ok(())
    }
}
