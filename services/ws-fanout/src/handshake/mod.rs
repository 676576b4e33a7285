//! Before a connection is upgraded: whether it is a WebSocket that this service speaks, from a
//! page that may connect, by somebody known, and whether there is room for it.

mod admission;
mod origin;
mod proof;

use actix_http::ws::{HandshakeError, verify_handshake};
use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, SEC_WEBSOCKET_PROTOCOL};
use sm_common::problem::ProblemCode;
use sm_common::ws::Subprotocol;
use sm_service_kit::ApiProblem;

pub(crate) use admission::{Admission, Full, Place};
pub(crate) use origin::Origins;
pub(crate) use proof::{Proofs, digest};

/// Refuses what is no WebSocket handshake.
pub(crate) fn require_websocket(request: &HttpRequest) -> Result<(), ApiProblem> {
    verify_handshake(request.head()).map_err(|error| match error {
        HandshakeError::BadWebsocketKey => ApiProblem::new(ProblemCode::HeaderInvalid)
            .detail("`Sec-WebSocket-Key` takes 16 bytes in base64"),
        HandshakeError::GetMethodRequired
        | HandshakeError::NoWebsocketUpgrade
        | HandshakeError::NoConnectionUpgrade
        | HandshakeError::NoVersionHeader
        | HandshakeError::UnsupportedVersion => ApiProblem::new(ProblemCode::UpgradeRequired)
            .detail(format!(
                "connect with a WebSocket client, version 13: {error}"
            )),
    })
}

/// The subprotocol to answer with: the first of ours that is offered, none where none is offered.
pub(crate) fn subprotocol(headers: &HeaderMap) -> Result<Option<Subprotocol>, ApiProblem> {
    let mut offers = headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(str::trim)
        .peekable();
    if offers.peek().is_none() {
        return Ok(None);
    }
    if let Some(ours) = offers.find_map(Subprotocol::named) {
        return Ok(Some(ours));
    }
    let [json, message_pack] = Subprotocol::ALL.map(Subprotocol::name);
    Err(ApiProblem::new(ProblemCode::SubprotocolUnsupported)
        .detail(format!("offer `{json}`, `{message_pack}`, or nothing")))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use sm_common::ws::{SUBPROTOCOL_JSON, SUBPROTOCOL_MESSAGEPACK};

    use super::*;

    fn chosen(offers: &[&str]) -> Result<Option<Subprotocol>, ApiProblem> {
        let mut request = TestRequest::default();
        for offer in offers {
            request = request.append_header((SEC_WEBSOCKET_PROTOCOL, *offer));
        }
        subprotocol(request.to_http_request().headers())
    }

    #[test]
    fn our_subprotocol_is_chosen_wherever_it_is_offered() {
        let ours = Some(Subprotocol::Json);
        assert_eq!(chosen(&[]).unwrap(), None);
        assert_eq!(chosen(&[SUBPROTOCOL_JSON]).unwrap(), ours);
        let preferred = [SUBPROTOCOL_MESSAGEPACK, SUBPROTOCOL_JSON];
        assert_eq!(chosen(&preferred).unwrap(), Some(Subprotocol::MessagePack));
        assert_eq!(
            chosen(&["graphql-ws, stream-manager.v1+json"]).unwrap(),
            ours
        );
        assert_eq!(chosen(&["graphql-ws", SUBPROTOCOL_JSON]).unwrap(), ours);
        for unknown in [
            "",
            "graphql-ws",
            "stream-manager.v2+json",
            "stream-manager.v1",
        ] {
            assert!(chosen(&[unknown]).is_err(), "{unknown}");
        }
    }
}
