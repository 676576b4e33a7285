//! Servers that network layers are fetched from, on ports that the kernel chose.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

/// A program that ends with the test, or when it is dropped.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
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

/// Sends this picture, and a tone, in real time.
fn camera(picture: &str, sound: &str) -> Command {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg
        .args(["-v", "error", "-re", "-f", "lavfi", "-i", picture])
        .args(["-re", "-f", "lavfi", "-i", sound])
        .args([
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-tune",
            "zerolatency",
        ])
        .args(["-pix_fmt", "yuv420p", "-g", "15", "-c:a", "aac"]);
    ffmpeg
}

pub(crate) fn color(name: &str) -> String {
    format!("color={name}:s=160x90:r=30")
}

pub(crate) const TONE: &str = "sine=500:r=48000";

/// An SRT listener that sends to whoever calls.
pub(crate) fn srt(port: u16, picture: &str, sound: &str) -> Running {
    srt_with(port, "", picture, sound)
}

/// The same with more settings, such as a passphrase.
pub(crate) fn srt_with(port: u16, query: &str, picture: &str, sound: &str) -> Running {
    let address = format!("srt://127.0.0.1:{port}?mode=listener&latency=100000{query}");
    Running::start(camera(picture, sound).args(["-f", "mpegts", &address]))
}

/// A server that answers everybody with bytes that mean nothing; the port.
pub(crate) fn noise() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // Players go away.
            let _ = stream.write_all(&[0x47, 0xff, 0x13, 0x9a].repeat(5000));
        }
    });
    port
}

/// Returns once somebody listens.
pub(crate) fn until_up(port: u16) {
    let deadline = std::time::Instant::now() + crate::worker::PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(std::time::Instant::now() < deadline, "no server");
        thread::yield_now();
    }
}

/// An RTMP server with the application `live`.
pub(crate) fn rtmp(folder: &Path, port: u16) -> Running {
    let at = folder.display();
    let configuration = format!(
        "load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;\n\
         daemon off; master_process off; pid {at}/nginx.pid; error_log {at}/nginx.log;\n\
         events {{ worker_connections 64; }}\n\
         rtmp {{ server {{ listen 127.0.0.1:{port}; application live {{ live on; }} }} }}\n"
    );
    let path = folder.join("nginx.conf");
    fs::write(&path, configuration).unwrap();
    Running::start(
        Command::new("nginx")
            .args(["-p"])
            .arg(folder)
            .arg("-c")
            .arg(path),
    )
}

/// Publishes to the RTMP server's stream `camera`.
pub(crate) fn publish(port: u16, picture: &str) -> Running {
    let address = format!("rtmp://127.0.0.1:{port}/live/camera");
    Running::start(camera(picture, TONE).args(["-f", "flv", &address]))
}

/// Pushes FLV to whoever listens on this socket.
pub(crate) fn feed(socket: &Path, picture: &str, sound: &str) -> Running {
    let address = format!("unix:{}", socket.display());
    Running::start(camera(picture, sound).args(["-f", "flv", &address]))
}

/// Writes live HLS into a folder.
pub(crate) fn write_hls(folder: &Path, picture: &str) -> Running {
    Running::start(
        camera(picture, TONE)
            .args(["-f", "hls", "-hls_time", "1", "-hls_list_size", "5"])
            .arg(folder.join("live.m3u8")),
    )
}

enum Page {
    Bytes(Vec<u8>),
    Redirect(String),
    /// Without a length, of a type.
    Stream(String, Vec<u8>),
}

/// An HTTP origin: pages that were put there, and the files of a folder.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) port: u16,
    pages: Arc<Mutex<BTreeMap<String, Page>>>,
    /// The `Authorization` that is asked for, if any.
    password: Arc<Mutex<Option<String>>>,
    /// Every `Authorization` that was sent.
    told: Arc<Mutex<Vec<String>>>,
}

impl Origin {
    pub(crate) fn start(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = Self {
            port: listener.local_addr().unwrap().port(),
            pages: Arc::default(),
            password: Arc::default(),
            told: Arc::default(),
        };
        let (serving, folder) = (origin.clone(), folder.to_owned());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (serving, folder) = (serving.clone(), folder.clone());
                // Players go away in the middle of an answer.
                thread::spawn(move || drop(serving.answer(stream, &folder)));
            }
        });
        origin
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        let page = Page::Bytes(bytes.to_vec());
        self.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    pub(crate) fn redirect(&self, path: &str, to: &str) {
        let page = Page::Redirect(to.to_owned());
        self.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    /// A page that ends with its connection, as that of a radio does.
    pub(crate) fn stream(&self, path: &str, media_type: &str, bytes: &[u8]) {
        let page = Page::Stream(media_type.to_owned(), bytes.to_vec());
        self.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    pub(crate) fn ask_for_password(&self, authorization: &str) {
        *self.password.lock().unwrap() = Some(authorization.to_owned());
    }

    /// Whether anybody sent such an `Authorization`.
    pub(crate) fn was_told(&self, authorization: &str) -> bool {
        let told = self.told.lock().unwrap();
        told.iter().any(|told| told.contains(authorization))
    }

    fn answer(&self, mut stream: TcpStream, folder: &Path) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
        let mut told = None;
        for line in lines
            .map_while(Result::ok)
            .take_while(|line| !line.is_empty())
        {
            if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("authorization")
            {
                self.told.lock().unwrap().push(value.to_owned());
                told = Some(value.to_owned());
            }
        }
        let wanted = self.password.lock().unwrap().clone();
        if wanted.is_some() && wanted != told {
            return stream.write_all(
                b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
        }
        let path = request
            .split(' ')
            .nth(1)
            .unwrap_or("/")
            .trim_start_matches('/');
        let pages = self.pages.lock().unwrap();
        let page = match pages.get(path) {
            Some(Page::Bytes(bytes)) => Ok(bytes.clone()),
            Some(Page::Stream(media_type, bytes)) => {
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nConnection: close\r\n\r\n"
                );
                stream.write_all(head.as_bytes())?;
                let bytes = bytes.clone();
                drop(pages);
                // As fast as it is heard, or a little faster.
                for piece in bytes.chunks(2048) {
                    stream.write_all(piece)?;
                    thread::sleep(std::time::Duration::from_millis(100));
                }
                return Ok(());
            }
            Some(Page::Redirect(to)) => Err(format!("302 Found\r\nLocation: {to}")),
            None => fs::read(folder.join(path)).map_err(|_missing| "404 Not Found".to_owned()),
        };
        drop(pages);
        let (status, body) = match page {
            Ok(body) => ("200 OK".to_owned(), body),
            Err(status) => (status, Vec::new()),
        };
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        stream.write_all(&body)
    }
}
