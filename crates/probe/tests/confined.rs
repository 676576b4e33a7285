//! What is left to a process in the sandbox. One test, for it confines the process that it runs in.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use sm_probe::{Limits, confine};

const MEMORY_BYTES_MAX: u64 = 256 * 1024 * 1024;

const LIMITS: Limits = Limits {
    side_max: 1,
    pixels_max: 1,
    frames_max: 1,
    duration_ms_max: 1,
    svg_bytes_max: 1,
    svg_depth_max: 1,
    svg_parts_max: 1,
    font_bytes_max: 1,
    thumbnail_side: 1,
    memory_bytes_max: MEMORY_BYTES_MAX,
    cpu_s_max: 10,
};

#[test]
fn nothing_is_left_but_the_file_and_so_much_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (own, secret) = (folder.path().join("own"), folder.path().join("secret"));
    let (fonts, font) = (folder.path().join("fonts"), folder.path().join("fonts/a"));
    std::fs::create_dir(&fonts).unwrap();
    for (path, text) in [(&own, "own"), (&secret, "secret"), (&font, "font")] {
        std::fs::write(path, text).unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let _before = TcpStream::connect(address).unwrap();

    let file = File::open(&own).unwrap();
    confine(&file, &LIMITS, &[&fonts, Path::new("/nowhere")]).unwrap();

    // What it is for: the file, by itself and by the name that decoders are given; what was made
    // readable; threads.
    let mut text = String::new();
    let by_name = format!("/proc/self/fd/{}", file.as_raw_fd());
    let _bytes = File::open(by_name)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "own");
    assert_eq!(std::fs::read_to_string(&font).unwrap(), "font");
    let counted = std::thread::spawn(|| (0..10).sum::<i32>()).join();
    assert_eq!(counted.unwrap(), 45);

    // And nothing else.
    for hidden in [
        secret.as_path(),
        Path::new("/etc/passwd"),
        Path::new("/proc/1/environ"),
    ] {
        let refused = File::open(hidden).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::PermissionDenied, "{hidden:?}");
    }
    for writable in [&own, &font, &folder.path().join("new")] {
        let refused = std::fs::write(writable, "").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::PermissionDenied, "{writable:?}");
    }
    let refused = [
        TcpStream::connect(address).err(),
        TcpListener::bind("127.0.0.1:0").err(),
        UdpSocket::bind("127.0.0.1:0").err(),
        UnixStream::connect(&secret).err(),
        Command::new("/bin/true").spawn().err(),
    ];
    for refused in refused {
        assert_eq!(refused.unwrap().kind(), ErrorKind::PermissionDenied);
    }
    let mut much = Vec::<u8>::new();
    let too_much = usize::try_from(MEMORY_BYTES_MAX).unwrap();
    assert!(much.try_reserve_exact(too_much).is_err());
    assert!(much.try_reserve_exact(too_much / 4).is_ok());
}
