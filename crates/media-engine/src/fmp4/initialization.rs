use std::sync::Arc;

use super::boxes::Writer;
use super::{AAC_PACKET_SAMPLES, AUDIO_TRACK, VIDEO_TRACK};

/// What a player must know of the picture before the first segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VideoTrack {
    /// Width in pixels.
    pub(crate) width: u16,
    /// Height in pixels.
    pub(crate) height: u16,
    /// Units per second of its times.
    pub(crate) timescale: u32,
    /// The decoder configuration record (the content of `avcC`).
    pub(crate) decoder_configuration: Arc<[u8]>,
}

/// What a player must know of the sound before the first segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AudioTrack {
    /// Samples per second, which are also the units of its times.
    pub(crate) sample_rate: u16,
    /// Channels.
    pub(crate) channels: u16,
    /// Bits per second.
    pub(crate) bitrate: u32,
    /// The `AudioSpecificConfig`.
    pub(crate) decoder_configuration: Arc<[u8]>,
}

/// The initialisation section of every segment of these tracks.
pub(crate) fn initialization(video: &VideoTrack, audio: &AudioTrack) -> Vec<u8> {
    let mut file = Writer::default();
    file.boxed(*b"ftyp", |ftyp| {
        ftyp.bytes(b"iso6").u32(0).bytes(b"iso6mp41");
    });
    file.boxed(*b"moov", |moov| {
        movie_header(moov);
        moov.boxed(*b"trak", |trak| video_track(trak, video));
        moov.boxed(*b"trak", |trak| audio_track(trak, audio));
        moov.boxed(*b"mvex", |mvex| {
            track_extends(mvex, VIDEO_TRACK, 0);
            track_extends(mvex, AUDIO_TRACK, AAC_PACKET_SAMPLES);
        });
    });
    file.into_bytes()
}

fn movie_header(moov: &mut Writer) {
    moov.full_box(*b"mvhd", 0, 0, |mvhd| {
        mvhd.u32(0).u32(0); // created, changed: unknown
        mvhd.u32(1000).u32(0); // units per second; duration: in the fragments
        mvhd.u32(0x0001_0000).u16(0x0100).zeros(10); // normal speed and volume
        identity_matrix(mvhd);
        mvhd.zeros(24).u32(AUDIO_TRACK + 1); // the next free track
    });
}

fn track_extends(mvex: &mut Writer, track: u32, sample_duration: u32) {
    mvex.full_box(*b"trex", 0, 0, |trex| {
        trex.u32(track).u32(1).u32(sample_duration).u32(0).u32(0);
    });
}

fn video_track(trak: &mut Writer, video: &VideoTrack) {
    track_header(trak, VIDEO_TRACK, 0, (video.width, video.height));
    trak.boxed(*b"mdia", |mdia| {
        media_header(mdia, video.timescale, *b"vide", b"Picture\0");
        mdia.boxed(*b"minf", |minf| {
            minf.full_box(*b"vmhd", 0, 1, |vmhd| {
                vmhd.zeros(8);
            });
            data_in_this_file(minf);
            sample_table(minf, |stsd| {
                stsd.boxed(*b"avc1", |avc1| {
                    avc1.zeros(6).u16(1).zeros(16);
                    avc1.u16(video.width).u16(video.height);
                    avc1.u32(0x0048_0000).u32(0x0048_0000); // 72 dpi
                    avc1.u32(0).u16(1).zeros(32); // a frame a sample, no name
                    avc1.u16(0x0018).u16(0xffff);
                    avc1.boxed(*b"avcC", |avcc| {
                        avcc.bytes(&video.decoder_configuration);
                    });
                });
            });
        });
    });
}

fn audio_track(trak: &mut Writer, audio: &AudioTrack) {
    track_header(trak, AUDIO_TRACK, 0x0100, (0, 0));
    trak.boxed(*b"mdia", |mdia| {
        media_header(mdia, u32::from(audio.sample_rate), *b"soun", b"Sound\0");
        mdia.boxed(*b"minf", |minf| {
            minf.full_box(*b"smhd", 0, 0, |smhd| {
                smhd.zeros(4);
            });
            data_in_this_file(minf);
            sample_table(minf, |stsd| {
                stsd.boxed(*b"mp4a", |mp4a| {
                    mp4a.zeros(6).u16(1).zeros(8);
                    mp4a.u16(audio.channels).u16(16).zeros(4);
                    mp4a.u16(audio.sample_rate).u16(0);
                    elementary_stream(mp4a, audio);
                });
            });
        });
    });
}

fn elementary_stream(mp4a: &mut Writer, audio: &AudioTrack) {
    mp4a.full_box(*b"esds", 0, 0, |esds| {
        esds.descriptor(3, |stream| {
            stream.u16(0).u8(0);
            stream.descriptor(4, |decoder| {
                decoder.u8(0x40).u8(0x15); // AAC, an audio stream
                decoder.zeros(3).u32(audio.bitrate).u32(audio.bitrate);
                decoder.descriptor(5, |specific| {
                    specific.bytes(&audio.decoder_configuration);
                });
            });
            stream.descriptor(6, |synchronisation| {
                synchronisation.u8(2);
            });
        });
    });
}

fn track_header(trak: &mut Writer, id: u32, volume: u16, (width, height): (u16, u16)) {
    let enabled_in_movie_and_preview = 7;
    trak.full_box(*b"tkhd", 0, enabled_in_movie_and_preview, |tkhd| {
        tkhd.u32(0).u32(0).u32(id).zeros(16);
        tkhd.u16(0).u16(0).u16(volume).u16(0); // layer, group, volume
        identity_matrix(tkhd);
        tkhd.u16(width).u16(0).u16(height).u16(0);
    });
}

fn media_header(mdia: &mut Writer, timescale: u32, handler: [u8; 4], name: &[u8]) {
    let undetermined_language = 0x55c4;
    mdia.full_box(*b"mdhd", 0, 0, |mdhd| {
        mdhd.u32(0).u32(0).u32(timescale).u32(0);
        mdhd.u16(undetermined_language).u16(0);
    });
    mdia.full_box(*b"hdlr", 0, 0, |hdlr| {
        hdlr.u32(0).bytes(&handler).zeros(12).bytes(name);
    });
}

fn data_in_this_file(minf: &mut Writer) {
    minf.boxed(*b"dinf", |dinf| {
        dinf.full_box(*b"dref", 0, 0, |dref| {
            dref.u32(1).full_box(*b"url ", 0, 1, |_here| {});
        });
    });
}

/// A sample table with one description and no samples: those are in the fragments.
fn sample_table(minf: &mut Writer, description: impl FnOnce(&mut Writer)) {
    minf.boxed(*b"stbl", |stbl| {
        stbl.full_box(*b"stsd", 0, 0, |stsd| {
            stsd.u32(1);
            description(stsd);
        });
        for (table, length) in [(*b"stts", 4), (*b"stsc", 4), (*b"stsz", 8), (*b"stco", 4)] {
            stbl.full_box(table, 0, 0, |empty| {
                empty.zeros(length);
            });
        }
    });
}

fn identity_matrix(header: &mut Writer) {
    for value in [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000] {
        header.u32(value);
    }
}
