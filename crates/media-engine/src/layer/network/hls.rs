//! HLS playlists: which variant, and which segment next. Pure.

use m3u8_rs::{MasterPlaylist, MediaPlaylist, MediaSegment, Playlist};

/// Segments between the end of a live playlist and where it is begun.
const FROM_END: usize = 3;

/// The size that a picture is needed in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taste {
    pub(super) width: u64,
    pub(super) height: u64,
}

/// Reads a playlist; `None` if it is none.
pub(super) fn read(bytes: &[u8]) -> Option<Playlist> {
    m3u8_rs::parse_playlist_res(bytes).ok()
}

/// The address of the smallest variant that fills the size, or of the largest.
pub(super) fn variant(master: &MasterPlaylist, taste: Taste) -> Option<&str> {
    let mut variants: Vec<_> = master
        .variants
        .iter()
        .filter(|variant| !variant.is_i_frame)
        .collect();
    variants.sort_by_key(|variant| variant.bandwidth);
    let enough = variants.iter().find(|variant| {
        variant.resolution.is_some_and(|resolution| {
            resolution.width >= taste.width && resolution.height >= taste.height
        })
    });
    enough
        .or(variants.last())
        .map(|variant| variant.uri.as_str())
}

/// Where one is in a playlist that is read again and again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    next: Option<u64>,
}

impl Cursor {
    /// The segments that are new. A playlist that ends before what was played is another one, as
    /// after a restart of its origin, and begun anew.
    pub(super) fn take<'a>(&mut self, playlist: &'a MediaPlaylist) -> &'a [MediaSegment] {
        let count = playlist.segments.len();
        let length = u64::try_from(count).unwrap_or(u64::MAX);
        let end = playlist.media_sequence.saturating_add(length);
        let next = self.next.filter(|next| *next <= end);
        let skip = match next {
            Some(next) => {
                usize::try_from(next.saturating_sub(playlist.media_sequence)).unwrap_or(count)
            }
            None if playlist.end_list => 0,
            None => count.saturating_sub(FROM_END),
        };
        self.next = Some(end);
        playlist.segments.get(skip..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(first: u64, count: u64, ended: bool) -> MediaPlaylist {
        let mut text = format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:{first}\n");
        for number in first..first + count {
            text.extend(["#EXTINF:2.0,\n", &number.to_string(), ".ts\n"]);
        }
        if ended {
            text += "#EXT-X-ENDLIST\n";
        }
        match read(text.as_bytes()) {
            Some(Playlist::MediaPlaylist(playlist)) => playlist,
            other => panic!("{other:?}"),
        }
    }

    fn taken(cursor: &mut Cursor, playlist: &MediaPlaylist) -> Vec<String> {
        let segments = cursor.take(playlist).iter();
        segments.map(|segment| segment.uri.clone()).collect()
    }

    #[test]
    fn a_live_playlist_is_begun_near_its_end_and_followed() {
        let mut cursor = Cursor::default();
        assert_eq!(
            taken(&mut cursor, &media(10, 6, false)),
            ["13.ts", "14.ts", "15.ts"]
        );
        assert!(taken(&mut cursor, &media(10, 6, false)).is_empty());
        assert_eq!(taken(&mut cursor, &media(12, 6, false)), ["16.ts", "17.ts"]);
        assert_eq!(
            taken(&mut cursor, &media(20, 2, false)),
            ["20.ts", "21.ts"],
            "some missed"
        );
        assert_eq!(
            taken(&mut cursor, &media(0, 2, false)),
            ["0.ts", "1.ts"],
            "restarted"
        );
    }

    #[test]
    fn a_finished_playlist_is_played_from_its_start() {
        let mut cursor = Cursor::default();
        assert_eq!(taken(&mut cursor, &media(0, 5, true)).len(), 5);
    }

    #[test]
    fn no_larger_variant_is_taken_than_is_needed() {
        let text = "#EXTM3U\n\
            #EXT-X-STREAM-INF:BANDWIDTH=9000000,RESOLUTION=1920x1080\nlarge.m3u8\n\
            #EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=640x360\nsmall.m3u8\n\
            #EXT-X-STREAM-INF:BANDWIDTH=3000000,RESOLUTION=1280x720\nmiddle.m3u8\n";
        let Some(Playlist::MasterPlaylist(master)) = read(text.as_bytes()) else {
            panic!("a master playlist");
        };
        for (width, height, wanted) in [
            (320, 180, "small.m3u8"),
            (640, 360, "small.m3u8"),
            (641, 360, "middle.m3u8"),
            (4000, 2000, "large.m3u8"),
        ] {
            assert_eq!(variant(&master, Taste { width, height }), Some(wanted));
        }
    }

    #[test]
    fn garbage_is_no_playlist() {
        assert!(read(b"<html></html>").is_none());
        assert!(read(b"").is_none());
    }
}
