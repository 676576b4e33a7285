//! Offers, and what is answered to them. Pure, apart from the names and keys that are made up.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::change::SdpOffer;
use str0m::format::Codec;
use str0m::media::{MediaKind, Mid, Pt};
use str0m::{Candidate, Rtc, RtcConfig};

use super::certificate::Identity;
use super::profile::Profile;

/// Media lines that an offer may have; a viewer needs two.
const MEDIA_MAX: usize = 8;
/// How often a viewer's reports are looked at.
const STATS_INTERVAL: Duration = Duration::from_secs(1);
/// Payload types that are asked for first; the offer's own are used in the answer. Each is followed
/// by the one for what is sent again.
const PAYLOAD_TYPES: std::ops::Range<u8> = 96..127;

/// What the answer is made with.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) identity: Identity,
    /// Where the viewer reaches the session.
    pub(super) candidates: Vec<SocketAddr>,
    /// What the program is encoded as.
    pub(super) profile: Profile,
}

/// Why an offer does not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OfferRefused {
    /// It is no SDP, or not of this kind.
    #[error("the body is no SDP offer for WebRTC: {0}")]
    Unreadable(String),
    /// It is too long to be a viewer's.
    #[error(
        "the offer has more than {MEDIA_MAX} media lines; offer one for video and one for audio"
    )]
    TooMuch,
    /// Nothing in it can be sent to.
    #[error("the offer has no video to receive; offer a `recvonly` video line")]
    NoVideo,
    /// Its video is of another kind.
    #[error(
        "the program is H.264, {0} profile, in packetization mode 1, and the offer takes no such video; play the playlist instead"
    )]
    NotThisVideo(&'static str),
}

/// Where the program goes in a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tracks {
    pub(super) video: Track,
    /// `None` where the viewer wants no sound, or none that there is.
    pub(super) audio: Option<Track>,
}

/// A media line, and the payload type in which it is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Track {
    pub(super) mid: Mid,
    pub(super) pt: Pt,
}

/// A session that was agreed on.
#[derive(Debug)]
pub(super) struct Negotiated {
    pub(super) rtc: Rtc,
    pub(super) answer: String,
    pub(super) tracks: Tracks,
    /// The name of our ICE credentials.
    pub(super) ufrag: String,
}

/// Answers an offer.
pub(super) fn negotiate(
    offer: &str,
    terms: &Terms,
    now: Instant,
) -> Result<Negotiated, OfferRefused> {
    if offer.lines().filter(|line| line.starts_with("m=")).count() > MEDIA_MAX {
        return Err(OfferRefused::TooMuch);
    }
    let unreadable = |error: &dyn std::fmt::Display| OfferRefused::Unreadable(error.to_string());
    let offer = SdpOffer::from_sdp_string(offer).map_err(|error| unreadable(&error))?;
    let acceptable = terms.profile.acceptable();
    let mut rtc = configuration(terms, &acceptable).build(now);
    for address in &terms.candidates {
        let candidate = Candidate::host(*address, "udp").map_err(|error| unreadable(&error))?;
        rtc.add_local_candidate(candidate);
    }
    let answer = rtc
        .sdp_api()
        .accept_offer(offer)
        .map_err(|error| unreadable(&error))?;
    let answer = answer.to_sdp_string();
    let (video, audio) = media(&rtc, &answer);
    let video = video.ok_or(OfferRefused::NoVideo)?;
    let video = video_track(&mut rtc, video, &acceptable)
        .ok_or(OfferRefused::NotThisVideo(terms.profile.name()))?;
    let audio = audio.and_then(|mid| audio_track(&mut rtc, mid));
    let ufrag = rtc.direct_api().local_ice_credentials().ufrag;
    Ok(Negotiated {
        rtc,
        answer,
        tracks: Tracks { video, audio },
        ufrag,
    })
}

/// Opus, and H.264 under every acceptable description. The addresses are known and reach this
/// process, so that it need not look for a way to the viewer: ICE lite (RFC 8445, 2.5).
fn configuration(terms: &Terms, acceptable: &[u32]) -> RtcConfig {
    let mut config = RtcConfig::new()
        .set_crypto_provider(std::sync::Arc::clone(&terms.identity.crypto))
        .set_dtls_cert(terms.identity.certificate.clone())
        .set_ice_lite(true)
        .set_stats_interval(Some(STATS_INTERVAL))
        .clear_codecs()
        .enable_opus(true, false);
    for (pt, profile) in PAYLOAD_TYPES.step_by(2).zip(acceptable) {
        let resend = Pt::from(pt.saturating_add(1));
        let codecs = config.codec_config();
        codecs.add_h264(pt.into(), Some(resend), true, *profile);
    }
    config
}

/// The first lines of each kind to which something is sent, as the answer names them.
fn media(rtc: &Rtc, answer: &str) -> (Option<Mid>, Option<Mid>) {
    let (mut video, mut audio) = (None, None);
    let names = answer
        .lines()
        .filter_map(|line| line.strip_prefix("a=mid:"));
    let lines = names.filter_map(|name| rtc.media(Mid::from(name.trim_end())));
    for line in lines.filter(|line| line.direction().is_sending()) {
        let first = match line.kind() {
            MediaKind::Video => &mut video,
            MediaKind::Audio => &mut audio,
        };
        first.get_or_insert(line.mid());
    }
    (video, audio)
}

fn video_track(rtc: &mut Rtc, mid: Mid, acceptable: &[u32]) -> Option<Track> {
    let writer = rtc.writer(mid)?;
    let rank = |profile: Option<u32>| acceptable.iter().position(|known| Some(*known) == profile);
    let best = writer
        .payload_params()
        .filter(|params| params.spec().codec == Codec::H264)
        .min_by_key(|params| {
            let rank = rank(params.spec().format.profile_level_id);
            rank.unwrap_or(usize::MAX)
        })?;
    Some(Track { mid, pt: best.pt() })
}

fn audio_track(rtc: &mut Rtc, mid: Mid) -> Option<Track> {
    let writer = rtc.writer(mid)?;
    let opus = writer
        .payload_params()
        .find(|params| params.spec().codec == Codec::Opus)?;
    Some(Track { mid, pt: opus.pt() })
}

#[cfg(test)]
mod tests {
    use str0m::media::Direction;

    use super::*;

    fn terms(profile: u8) -> Terms {
        let sets = [0, 0, 0, 1, 0x67, profile, 0xc0, 31];
        Terms {
            identity: Identity::generate().unwrap(),
            candidates: vec!["127.0.6.1:4202".parse().unwrap()],
            profile: Profile::read(&sets).unwrap(),
        }
    }

    /// What a viewer offers that has these codecs.
    fn offer(codecs: RtcConfig, kinds: &[MediaKind], direction: Direction) -> String {
        let crypto = std::sync::Arc::new(str0m::crypto::from_feature_flags());
        let mut rtc = codecs.set_crypto_provider(crypto).build(Instant::now());
        let mut changes = rtc.sdp_api();
        for kind in kinds {
            changes.add_media(*kind, direction, None, None, None);
        }
        changes.apply().unwrap().0.to_sdp_string()
    }

    fn browser() -> RtcConfig {
        RtcConfig::new()
    }

    const BOTH: [MediaKind; 2] = [MediaKind::Audio, MediaKind::Video];

    fn refused(offer: &str, terms: &Terms) -> OfferRefused {
        negotiate(offer, terms, Instant::now()).unwrap_err()
    }

    #[test]
    fn a_browser_is_sent_what_the_program_is_and_the_answer_says_so() {
        let offer = offer(browser(), &BOTH, Direction::RecvOnly);
        for (profile, described) in [(100, "64001f"), (77, "4d001f"), (66, "42e01f")] {
            let agreed = negotiate(&offer, &terms(profile), Instant::now()).unwrap();
            assert!(agreed.tracks.audio.is_some());
            let pt = agreed.tracks.video.pt.to_string();
            let format = agreed
                .answer
                .lines()
                .find(|line| line.starts_with(&format!("a=fmtp:{pt} ")));
            let format = format.unwrap_or_else(|| panic!("{}", agreed.answer));
            assert!(
                format.contains(&format!("profile-level-id={described}")),
                "{format}"
            );
            assert!(format.contains("packetization-mode=1"), "{format}");
            let has = |text: &str| agreed.answer.contains(text);
            assert!(has("a=ice-lite") && has("127.0.6.1 4202 typ host"));
            assert!(has(&format!("a=ice-ufrag:{}", agreed.ufrag)));
            assert!(has("a=sendonly") && !has("a=sendrecv") && !has("a=recvonly"));
            assert!(has("nack") && has("rtx"));
        }
    }

    /// What Chromium offers where no hardware decodes: it says High 4:4:4 for what decodes High.
    #[test]
    fn a_description_that_says_more_than_the_program_is_does() {
        let mut chromium = browser().clear_codecs();
        let codecs = chromium.codec_config();
        for (pt, profile) in [(102, 0x0042_001f), (108, 0x0042_e01f), (116, 0x004d_001f)] {
            codecs.add_h264(pt.into(), None, true, profile);
        }
        codecs.add_h264(41.into(), None, true, 0x00f4_001f);
        let offer = offer(chromium, &[MediaKind::Video], Direction::RecvOnly);
        for (profile, pt) in [(100, 41), (77, 116), (66, 108)] {
            let agreed = negotiate(&offer, &terms(profile), Instant::now()).unwrap();
            assert_eq!(agreed.tracks.video.pt, Pt::from(pt), "{profile}");
        }
    }

    #[test]
    fn addresses_that_a_browser_hides_do_no_harm() {
        let offer = offer(browser(), &BOTH, Direction::RecvOnly);
        let hidden = "a=candidate:1 1 udp 2113937151 6f0f8d0b-2f8b-4f7e-9b0a-0c0d0e0f1011.local \
                      54321 typ host generation 0 network-cost 999\r\n";
        let offer = format!("{offer}{hidden}");
        assert!(negotiate(&offer, &terms(100), Instant::now()).is_ok());
    }

    #[test]
    fn a_viewer_may_do_without_the_sound() {
        let offer = offer(browser(), &[MediaKind::Video], Direction::RecvOnly);
        let agreed = negotiate(&offer, &terms(100), Instant::now()).unwrap();
        assert!(agreed.tracks.audio.is_none());
    }

    #[test]
    fn what_cannot_be_sent_to_is_refused_with_what_to_change() {
        let high = terms(100);
        for garbage in [
            "",
            "v=0",
            "hello",
            "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n",
        ] {
            let refused = refused(garbage, &high);
            assert!(
                matches!(refused, OfferRefused::Unreadable(_)),
                "{refused:?}"
            );
        }
        let sound = offer(browser(), &[MediaKind::Audio], Direction::RecvOnly);
        assert_eq!(refused(&sound, &high), OfferRefused::NoVideo);
        let sender = offer(browser(), &BOTH, Direction::SendOnly);
        assert_eq!(refused(&sender, &high), OfferRefused::NoVideo);
        let other = browser()
            .clear_codecs()
            .enable_vp8(true)
            .enable_opus(true, false);
        let other = offer(other, &BOTH, Direction::RecvOnly);
        assert_eq!(refused(&other, &high), OfferRefused::NotThisVideo("High"));
        let mut baseline = browser().clear_codecs();
        let codecs = baseline.codec_config();
        codecs.add_h264(96.into(), Some(97.into()), true, 0x0042_e01f);
        let baseline = offer(baseline, &[MediaKind::Video], Direction::RecvOnly);
        assert_eq!(
            refused(&baseline, &high),
            OfferRefused::NotThisVideo("High")
        );
        assert!(negotiate(&baseline, &terms(66), Instant::now()).is_ok());
        let many = offer(browser(), &[MediaKind::Video; 9], Direction::RecvOnly);
        assert_eq!(refused(&many, &high), OfferRefused::TooMuch);
    }
}
