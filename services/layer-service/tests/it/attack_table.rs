//! Every kind of upload that means harm, one after another, at one service: each gets its answer,
//! and after all of them the disk, the list and the memory are as before.

use std::time::Duration;

use serde_json::json;

use crate::app::{App, END, Upload, content_type, files, gif, mp4, png, png_header};

/// What the process may have grown by, in bytes, after all attacks: a third of what the largest would
/// take if it were decoded here.
const GROWTH_BYTES_MAX: u64 = 40 * 1024 * 1024;
/// Bytes of a file, at most: enough for the picture that would take 128 MB.
const FILE_BYTES_MAX: &str = "1000000";

/// An attack, and its answer.
struct Attack {
    what: &'static str,
    body: Vec<u8>,
    content_type: String,
    status: u16,
    code: &'static str,
}

fn form(what: &'static str, body: Vec<u8>, status: u16, code: &'static str) -> Attack {
    Attack {
        what,
        body,
        content_type: content_type(),
        status,
        code,
    }
}

fn file(
    what: &'static str,
    (name, media_type): (&str, &str),
    content: &[u8],
    status: u16,
    code: &'static str,
) -> Attack {
    let body = Upload::new(name, media_type, content).form();
    form(what, body, status, code)
}

const UNSUPPORTED: &str = "asset.type.unsupported";
const DIMENSIONS: &str = "asset.dimensions.too-large";
const BODY: &str = "request.body.invalid";

fn lies() -> Vec<Attack> {
    let image = png(8, 8, b"");
    vec![
        file("nothing", ("a.png", "image/png"), b"", 415, UNSUPPORTED),
        file("text", ("a.png", ""), b"just text", 415, UNSUPPORTED),
        file(
            "a page",
            ("a.png", ""),
            b"<!doctype html><script>1</script>",
            415,
            UNSUPPORTED,
        ),
        file(
            "a program",
            ("a.mp4", ""),
            b"\x7fELF\x02\x01\x01\0\0\0\0\0",
            415,
            UNSUPPORTED,
        ),
        file(
            "an archive",
            ("a.png", ""),
            b"PK\x03\x04\0\0\0\0",
            415,
            UNSUPPORTED,
        ),
        file(
            "a picture that says page",
            ("a.html", "text/html"),
            &image,
            415,
            UNSUPPORTED,
        ),
        file(
            "a video that says picture",
            ("a.png", "image/png"),
            &mp4(900),
            415,
            UNSUPPORTED,
        ),
    ]
}

fn pictures() -> Vec<Attack> {
    let image = png(64, 64, b"pixels");
    let half = image.get(..image.len() / 2).unwrap();
    let mut damaged = image.clone();
    // Inside the pixels, whose checksum is wrong then.
    *damaged.get_mut(60).unwrap() ^= 0xff;
    let jpeg = [
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0".as_slice(),
        b"\xff\xc0\0\x11\x08\xff\xdc\xff\xdc\x03\x01\x22\0\x02\x11\x01\x03\x11\x01",
    ]
    .concat();
    let webp = b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xfe\x3f\0\xfe\x3f\0".to_vec();
    let long = gif(2, Duration::from_mins(10));
    vec![
        file(
            "30,000 pixels",
            ("a.png", ""),
            &png_header(30_000, 30_000),
            422,
            DIMENSIONS,
        ),
        file(
            "a line of 4 billion",
            ("a.png", ""),
            &png_header(u32::MAX, 1),
            422,
            DIMENSIONS,
        ),
        file("65,500 pixels", ("a.jpg", ""), &jpeg, 422, DIMENSIONS),
        file("a canvas of 16,383", ("a.webp", ""), &webp, 422, DIMENSIONS),
        file("a bomb", ("a.png", ""), &bomb(), 422, "asset.too-costly"),
        file("half a picture", ("a.png", ""), half, 415, UNSUPPORTED),
        file("damaged pixels", ("a.png", ""), &damaged, 415, UNSUPPORTED),
        file(
            "endless frames",
            ("a.gif", ""),
            &gif(60, Duration::ZERO),
            422,
            "asset.too-long",
        ),
        file(
            "a frame of minutes",
            ("a.gif", ""),
            &long,
            422,
            "asset.too-long",
        ),
    ]
}

/// Some hundred kilobytes that become 128 million bytes, within the limits of its header: transparent
/// black, 4000 by 4000, of 16 bits for each colour.
fn bomb() -> Vec<u8> {
    const SIDE: u32 = 4_000;
    const ZERO: &str = "00110000";
    // Each row with the byte that says how it is filtered.
    let bytes = SIDE * (SIDE * 8 + 1);
    // A last block of fixed codes; a zero; then the same again 258 times, as often as there is room;
    // the rest in single zeros; the end.
    let (repeats, rest) = ((bytes - 1) / 258, (bytes - 1) % 258);
    let repeats = usize::try_from(repeats).unwrap();
    let rest = ZERO.repeat(usize::try_from(rest).unwrap());
    let bits = format!("110{ZERO}{}{rest}0000000", "1100010100000".repeat(repeats));
    let packed = bits.as_bytes().chunks(8).map(|byte| {
        let bits = byte.iter().rev();
        bits.fold(0_u8, |packed, bit| packed << 1 | (bit - b'0'))
    });
    let mut data = vec![0x78, 0x9c];
    data.extend(packed);
    let checksum = (bytes % 65_521) << 16 | 1;
    data.extend(checksum.to_be_bytes());

    let side = SIDE.to_be_bytes();
    let header = [&side, &side, b"\x10\x06\0\0\0".as_slice()].concat();
    let mut bomb = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, content) in [(b"IHDR", header), (b"IDAT", data), (b"IEND", Vec::new())] {
        let length = u32::try_from(content.len()).unwrap();
        let chunk = [name.as_slice(), &content].concat();
        bomb.extend(length.to_be_bytes());
        bomb.extend(&chunk);
        bomb.extend(crc32(&chunk).to_be_bytes());
    }
    bomb
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _bit| {
            let carry = if sum & 1 == 1 { 0xedb8_8320 } else { 0 };
            sum >> 1 ^ carry
        })
    })
}

fn drawings_and_fonts() -> Vec<Attack> {
    let svg = |body: &str| {
        format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4">{body}</svg>"#)
            .into_bytes()
    };
    let mut laughs = b"<!DOCTYPE svg [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]>".to_vec();
    laughs.extend(svg("<text>&b;</text>"));
    let uses: Vec<String> = (1..40)
        .map(|n| {
            let before = format!(r##"<use href="#g{}"/>"##, n - 1);
            format!(r#"<g id="g{n}">{before}{before}</g>"#)
        })
        .collect();
    let uses = uses.concat();
    let deep = format!("{}{}", "<g>".repeat(5_000), "</g>".repeat(5_000));
    let font = [b"\0\x01\0\0\0\x0a\0\x80".as_slice(), &[7; 500]].concat();
    let sent = ("a.svg", "image/svg+xml");
    vec![
        file("entities", sent, &laughs, 415, UNSUPPORTED),
        file("references", sent, &svg(&uses), 415, UNSUPPORTED),
        file("depth", sent, &svg(&deep), 415, UNSUPPORTED),
        file(
            "a broken font",
            ("a.ttf", "font/ttf"),
            &font,
            415,
            UNSUPPORTED,
        ),
    ]
}

fn forms() -> Vec<Attack> {
    let image = png(8, 8, b"");
    let upload = Upload::new("a.png", "image/png", &image);
    let whole = upload.form();
    let part = upload.part();
    let path = ("../../etc/passwd", "image/png");
    let mut raw = form(
        "no form",
        image.clone(),
        415,
        "request.media-type.unsupported",
    );
    "image/png".clone_into(&mut raw.content_type);
    vec![
        file(
            "a path that climbs out",
            path,
            &image,
            422,
            "request.validation.failed",
        ),
        file("a name that is none", ("a\u{1}b", ""), &image, 400, BODY),
        form(
            "cut half way",
            whole[..whole.len() / 2].to_vec(),
            400,
            "asset.upload.incomplete",
        ),
        form(
            "cut before its end",
            part.clone(),
            400,
            "asset.upload.incomplete",
        ),
        form(
            "two files",
            [&part, &part, END.as_bytes()].concat(),
            400,
            BODY,
        ),
        raw,
        file(
            "too large",
            ("a.mp4", ""),
            &mp4(1_200_000),
            413,
            "asset.too-large",
        ),
    ]
}

fn resident() -> u64 {
    let process = procfs::process::Process::myself().unwrap();
    let pages = process.statm().unwrap().resident;
    pages * procfs::page_size()
}

#[tokio::test]
async fn every_attack_gets_its_answer_and_leaves_nothing_behind() {
    let app = App::with(&[
        ("assets.file_bytes_max", FILE_BYTES_MAX),
        ("assets.frames_max", "50"),
        ("assets.duration_s_max", "60"),
        ("probe.memory_bytes_max", "100000000"),
    ])
    .await;
    let attacks = [lies(), pictures(), drawings_and_fonts(), forms()];
    let attacks: Vec<Attack> = attacks.into_iter().flatten().collect();
    let _warm = app.post_form(b"warm".to_vec()).await;
    let before = resident();
    for attack in attacks {
        let request = app
            .api
            .request(reqwest::Method::POST, "/api/assets")
            .header("content-type", &attack.content_type)
            .body(attack.body);
        let answer = app.api.send(request).await;
        let found = (answer.status.as_u16(), answer.body["code"].as_str());
        assert_eq!(
            found,
            (attack.status, Some(attack.code)),
            "{}: {}",
            attack.what,
            answer.text
        );
        assert!(
            answer.body["detail"].is_string(),
            "{}: {}",
            attack.what,
            answer.text
        );
    }
    let grown = resident().saturating_sub(before);
    assert!(
        grown < GROWTH_BYTES_MAX,
        "the process has grown by {grown} bytes"
    );
    app.expect_files(0).await;
    assert_eq!(files(app.directory()).len(), 0, "no thumbnail either");
    assert_eq!(app.api.get("/api/assets").await.body, json!([]));
    // And it takes what is good.
    let image = png(8, 8, b"good");
    let _kept = app
        .upload(&Upload::new("a.png", "", &image))
        .await
        .expect(201);
}
