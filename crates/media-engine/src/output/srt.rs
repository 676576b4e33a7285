use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use sm_common::output::{SrtMode, SrtStats, SrtTarget};
use sm_common::secret::Secret;
use url::Url;

use super::connection::{Connection, Parts, element, figure, sink};
use super::delivery::{Delivery, Look, Surroundings};
use super::failure::Failure;
use super::guard::resolve;
use super::queue::Item;

/// SRT gives up on a peer that says nothing after three seconds: a call that fails sooner was
/// answered.
const ANSWERED_WITHIN: Duration = Duration::from_millis(2500);

/// What a peer may need besides its latency to play what it has.
const PLAY_OUT_MARGIN: Duration = Duration::from_millis(200);

/// Length of the key in bytes.
const KEY_BYTES: &str = "16";

/// A connection to an SRT peer, or a place where peers connect.
#[derive(Debug)]
pub(super) struct Srt {
    connection: Connection,
    mode: SrtMode,
    latency: Duration,
    /// Something that the peer checks is set.
    guarded: bool,
    /// When the call or the listening began.
    began: Option<Instant>,
    connected: bool,
}

/// Begins to call or to listen.
pub(super) fn begin(target: &SrtTarget, surroundings: &Surroundings<'_>) -> Result<Srt, Failure> {
    let (mut host, port) = address(&target.url)?;
    if target.mode == SrtMode::Caller {
        // As numbers, so that it is not looked up a second time.
        host = match resolve(host.trim_matches(['[', ']']), surroundings.targets)? {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
    }
    let parser = element("h264parse")?;
    // Whoever comes later must find out how to decode at each keyframe.
    parser.set_property("config-interval", -1_i32);
    let muxer = element("mpegtsmux")?;
    muxer.set_property("alignment", 7_i32);
    let sink = sink("srtsink")?;
    // The address first: it resets everything else.
    let mode = match target.mode {
        SrtMode::Caller => "caller",
        SrtMode::Listener => "listener",
    };
    sink.set_property("uri", format!("srt://{host}:{port}?mode={mode}"));
    if target.mode == SrtMode::Listener {
        sink.set_property("localaddress", host.trim_matches(['[', ']']));
        sink.set_property("localport", u32::from(port));
    }
    // A caller's first packet belongs to a keyframe and must not be lost.
    sink.set_property("wait-for-connection", target.mode == SrtMode::Caller);
    sink.set_property("auto-reconnect", false);
    sink.set_property(
        "latency",
        i32::try_from(target.latency_ms).unwrap_or(i32::MAX),
    );
    if let Some(passphrase) = &target.passphrase {
        sink.set_property("passphrase", Secret::expose(passphrase));
        sink.set_property_from_str("pbkeylen", KEY_BYTES);
    }
    name_stream(&sink, target);
    let parts = Parts {
        parser: Some(parser),
        muxer,
        pads: ["sink_%d", "sink_%d"],
        sink,
    };
    let mut srt = Srt {
        began: None,
        connection: Connection::open(parts, surroundings)?,
        mode: target.mode,
        latency: Duration::from_millis(u64::from(target.latency_ms)),
        guarded: target.passphrase.is_some() || target.stream_id.is_some(),
        connected: false,
    };
    if target.mode == SrtMode::Listener {
        srt.start();
    }
    Ok(srt)
}

/// Asks for the stream as a caller; as a listener, takes only callers that ask for it.
fn name_stream(sink: &gst::Element, target: &SrtTarget) {
    match (target.mode, &target.stream_id) {
        (SrtMode::Caller, Some(id)) => sink.set_property("streamid", id),
        (SrtMode::Caller | SrtMode::Listener, None) => sink.set_property("authentication", false),
        (SrtMode::Listener, Some(id)) => {
            sink.set_property("authentication", true);
            let wanted = id.clone();
            sink.connect("caller-connecting", false, move |values| {
                let asked = values.get(2).and_then(|value| value.get::<String>().ok());
                Some((asked.as_ref() == Some(&wanted)).to_value())
            });
        }
    }
}

impl Delivery for Srt {
    fn has_room(&self) -> bool {
        self.connection.has_room()
    }

    fn give(&mut self, item: Item) -> Result<(), Failure> {
        // How a call went shows when something is sent: it begins when there is something.
        if self.began.is_none() {
            self.start();
        }
        self.connection.give(item);
        Ok(())
    }

    fn look(&mut self) -> Result<Look, Failure> {
        if let Some(fault) = self.connection.fault() {
            return Err(self.failure(&fault.error));
        }
        let stats = self.connection.stats();
        let bytes = figure(&stats, "bytes-sent-total").unwrap_or(0);
        let live = match self.mode {
            SrtMode::Caller => bytes > 0,
            SrtMode::Listener => true,
        };
        self.connected |= live;
        Ok(Look {
            live,
            bytes,
            acked: None,
            must_move: self.mode == SrtMode::Caller,
            frames_waiting: self.connection.frames_held(),
            bytes_waiting: self.connection.bytes_held(),
            packets: figure(&stats, "packets-sent").unwrap_or(0),
            srt: live.then(|| measured(&stats, self.mode)),
        })
    }

    fn finish(&mut self, deadline: Instant) {
        self.connection.finish(deadline, |connection| {
            // What was not yet acknowledged would be lost with the connection.
            let stats = connection.stats();
            peers(&stats)
                .map(|peer| figure(&peer, "packets-ack-received").unwrap_or(0))
                .sum()
        });
        // A peer keeps what it has for its latency, and drops it when the connection ends before.
        let left = deadline.saturating_duration_since(Instant::now());
        thread::sleep(left.min(self.latency + PLAY_OUT_MARGIN));
    }
}

impl Srt {
    fn start(&mut self) {
        self.began = Some(Instant::now());
        self.connection.start();
    }

    /// The failure that an error of GStreamer stands for: what SRT knows of the reason for a
    /// refusal does not come through.
    fn failure(&self, error: &gst::glib::Error) -> Failure {
        if self.mode == SrtMode::Listener {
            return Failure::unbindable();
        }
        if self.connected {
            return Failure::closed();
        }
        if error.matches(gst::ResourceError::NotAuthorized) {
            return Failure::authentication("the peer does not accept the passphrase");
        }
        if error.matches(gst::ResourceError::OpenRead) {
            return Failure::unreachable("the host's name is not known");
        }
        let answered = self
            .began
            .is_some_and(|began| began.elapsed() < ANSWERED_WITHIN);
        match (answered, self.guarded) {
            (true, true) => Failure::authentication(
                "the peer refused the call: the passphrase or the stream id may be wrong",
            ),
            (true, false) => Failure::refused(
                "the peer refused the call: it may want a passphrase or a stream id",
            ),
            (false, _) => Failure::unreachable("the peer does not answer"),
        }
    }
}

/// Host and port of an address of SRT.
fn address(text: &str) -> Result<(String, u16), Failure> {
    let url = Url::parse(text).map_err(|_not_one| Failure::address("this is no address"))?;
    if url.scheme() != "srt" {
        return Err(Failure::address("the address must be srt://"));
    }
    if url.query().is_some() || !matches!(url.path(), "" | "/") {
        return Err(Failure::address(
            "the address must be a host and a port alone",
        ));
    }
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or(Failure::address("the address names no host"))?;
    let port = url
        .port()
        .ok_or(Failure::address("the address names no port"))?;
    Ok((host.to_owned(), port))
}

/// The figures of each connection: a listener has one for every reader.
fn peers(stats: &gst::StructureRef) -> impl Iterator<Item = gst::Structure> {
    let readers = stats
        .get::<gst::glib::ValueArray>("callers")
        .map(|callers| {
            callers
                .iter()
                .filter_map(|caller| caller.get::<gst::Structure>().ok())
                .collect::<Vec<_>>()
        });
    readers
        .unwrap_or_else(|_caller| vec![stats.to_owned()])
        .into_iter()
}

fn measured(stats: &gst::StructureRef, mode: SrtMode) -> SrtStats {
    let listens = mode == SrtMode::Listener;
    let peers: Vec<gst::Structure> = peers(stats)
        .filter(|peer| peer.has_field("rtt-ms"))
        .collect();
    let total = |name| {
        let figures: Vec<u64> = peers.iter().filter_map(|peer| figure(peer, name)).collect();
        (!figures.is_empty()).then(|| figures.iter().sum())
    };
    let values = |name| {
        peers
            .iter()
            .filter_map(move |peer| peer.get::<f64>(name).ok())
    };
    SrtStats {
        rtt_ms: values("rtt-ms").reduce(f64::max),
        packets_lost_total: total("packets-sent-lost"),
        packets_retransmitted_total: total("packets-retransmitted"),
        packets_dropped_total: total("packets-sent-dropped"),
        bandwidth_kbps: values("bandwidth-mbps")
            .reduce(f64::min)
            .map(|mbps| mbps * 1000.0),
        readers: listens.then(|| crate::number::to_u64(peers.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        assert_eq!(address("srt://h:9000"), Ok(("h".to_owned(), 9000)));
        assert_eq!(address("srt://[::1]:1"), Ok(("[::1]".to_owned(), 1)));
        for text in [
            "",
            "udp://h:1",
            "srt://h",
            "srt://:1",
            "srt://h:1?passphrase=x",
            "srt://h:1/x",
        ] {
            assert_eq!(address(text).unwrap_err().code, "output.address", "{text}");
        }
    }
}
