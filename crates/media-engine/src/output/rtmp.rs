use std::time::Instant;

use gstreamer as gst;
use gstreamer::prelude::*;
use sm_common::output::RtmpTarget;
use url::Url;

use super::connection::{Connection, Fault, Parts, element, figure, sink};
use super::delivery::{Delivery, Look, Surroundings};
use super::failure::Failure;
use super::guard::resolve;
use super::queue::Item;

/// After so many seconds without an answer, or in which nothing can be sent, the sink gives up and
/// does not say which; longer than the watchdog takes, which does.
const SOCKET_TIMEOUT_S: u32 = 10;

/// An RTMP server's place for a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    secure: bool,
    host: String,
    port: u16,
    application: String,
    stream: String,
}

/// A connection to an RTMP server.
#[derive(Debug)]
pub(super) struct Rtmp {
    connection: Connection,
    /// Whether the server has let us publish.
    publishing: bool,
}

/// Begins to connect.
pub(super) fn begin(target: &RtmpTarget, surroundings: &Surroundings<'_>) -> Result<Rtmp, Failure> {
    let place = place(target)?;
    // It is connected to by its name all the same: the server chooses its virtual host by it, and
    // its certificate is for it.
    resolve(&place.host, surroundings.targets)?;
    let muxer = element("flvmux")?;
    muxer.set_property("streamable", true);
    let sink = sink("rtmp2sink")?;
    let scheme = if place.secure { "rtmps" } else { "rtmp" };
    sink.set_property_from_str("scheme", scheme);
    sink.set_property("host", place.host);
    sink.set_property("port", i32::from(place.port));
    sink.set_property("application", place.application);
    sink.set_property("stream", place.stream);
    sink.set_property("timeout", SOCKET_TIMEOUT_S);
    let parts = Parts {
        parser: None,
        muxer,
        pads: ["video", "audio"],
        sink,
    };
    let connection = Connection::open(parts, surroundings)?;
    connection.start();
    Ok(Rtmp {
        connection,
        publishing: false,
    })
}

impl Delivery for Rtmp {
    fn has_room(&self) -> bool {
        self.connection.has_room()
    }

    fn give(&mut self, item: Item) -> Result<(), Failure> {
        self.connection.give(item);
        Ok(())
    }

    fn look(&mut self) -> Result<Look, Failure> {
        if let Some(fault) = self.connection.fault() {
            return Err(failure(&fault, self.publishing));
        }
        let stats = self.connection.stats();
        // There are no figures before the server lets us publish.
        let bytes = figure(&stats, "out-bytes-total").unwrap_or(0);
        self.publishing |= bytes > 0;
        Ok(Look {
            live: self.publishing,
            bytes,
            acked: figure(&stats, "out-bytes-acked"),
            must_move: true,
            frames_waiting: self.connection.frames_held(),
            bytes_waiting: self.connection.bytes_held(),
            packets: 0,
            srt: None,
        })
    }

    fn finish(&mut self, deadline: Instant) {
        self.connection.finish(deadline, |connection| {
            figure(&connection.stats(), "out-bytes-total").unwrap_or(0)
        });
    }
}

fn place(target: &RtmpTarget) -> Result<Place, Failure> {
    let url = Url::parse(&target.url).map_err(|_not_one| Failure::address("this is no address"))?;
    let (secure, usual_port) = match url.scheme() {
        "rtmp" => (false, 1935),
        "rtmps" => (true, 443),
        _ => return Err(Failure::address("the address must be rtmp:// or rtmps://")),
    };
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or(Failure::address("the address names no host"))?;
    let path = url.path().trim_matches('/');
    let query = url.query().map(|query| format!("?{query}"));
    let (application, stream) = target.key.as_ref().map_or_else(
        || path.rsplit_once('/').unwrap_or((path, "")),
        |key| (path, key.expose()),
    );
    if application.is_empty() || stream.is_empty() {
        return Err(Failure::address(
            "the address must name an application and a stream",
        ));
    }
    Ok(Place {
        secure,
        host: host.trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(usual_port),
        application: application.to_owned(),
        stream: format!("{stream}{}", query.unwrap_or_default()),
    })
}

/// The failure that an error of GStreamer stands for. It tells several apart by its debugging
/// text alone, which is looked at here and goes no further.
fn failure(fault: &Fault, publishing: bool) -> Failure {
    let Fault { error, debug } = fault;
    let says = |text: &str| debug.contains(text);
    if error.matches(gst::ResourceError::NotAuthorized) {
        Failure::authentication("the server does not accept the credentials or the key")
    } else if error.matches(gst::ResourceError::OpenRead) {
        Failure::refused("nobody listens at the address")
    } else if publishing {
        Failure::closed()
    } else if says("g-resolver-error") {
        Failure::unreachable("the host's name is not known")
    } else if says("g-tls-error") {
        Failure::tls()
    } else if says("publish") || says("NetStream") || says("NetConnection") {
        Failure::refused("the server does not take the stream")
    } else if error.is::<gst::ResourceError>() {
        Failure::unreachable("the server does not answer as RTMP servers do")
    } else {
        Failure::engine()
    }
}

#[cfg(test)]
mod tests {
    use sm_common::secret::Secret;

    use super::*;

    fn target(url: &str, key: Option<&str>) -> RtmpTarget {
        RtmpTarget {
            url: url.to_owned(),
            key: key.map(|key| Secret::from(key.to_owned())),
        }
    }

    #[test]
    fn the_key_is_the_stream_or_the_last_part_of_the_address() {
        let cases = [
            ("rtmp://h/app", Some("k?a=b"), (false, 1935, "app", "k?a=b")),
            ("rtmps://h/app/in/", Some("k"), (true, 443, "app/in", "k")),
            ("rtmp://h:19/app/k", None, (false, 19, "app", "k")),
            ("rtmp://h/a/b/k?t=1", None, (false, 1935, "a/b", "k?t=1")),
        ];
        for (url, key, (secure, port, application, stream)) in cases {
            let expected = Place {
                secure,
                host: "h".to_owned(),
                port,
                application: application.to_owned(),
                stream: stream.to_owned(),
            };
            assert_eq!(place(&target(url, key)), Ok(expected), "{url}");
        }
    }

    #[test]
    fn an_address_that_can_never_work_is_given_up() {
        let urls = [
            "",
            "h/app",
            "http://h/app/k",
            "rtmp:///app/k",
            "rtmp://h",
            "rtmp://h/app",
        ];
        for url in urls {
            let failure = place(&target(url, None)).unwrap_err();
            assert_eq!(failure.code, "output.address", "{url}");
            assert_eq!(failure.hope, super::super::failure::Hope::GiveUp);
        }
    }
}
