//! One publisher, from its wish to its last packet.

use std::net::IpAddr;
use std::time::Instant;

use sapflow_srt::ConnId;
use secrecy::SecretString;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::super::door::{Admission, Door, Entrance, Goal, Refusal};
use super::super::flv::Tag;
use super::super::outlet::Outlet;
use super::super::passage;
use super::super::ts::{Limits, Remuxer};
use super::port::Order;
use super::{StreamIdError, rejection};

/// Payloads that are taken at a time.
const PAYLOADS_AT_ONCE: usize = 64;

/// Somebody who wants to publish.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: ConnId,
    pub(super) peer: IpAddr,
    pub(super) key: Result<SecretString, StreamIdError>,
    /// What it sends once it is let in; ends with its connection.
    pub(super) payloads: mpsc::Receiver<Vec<u8>>,
    pub(super) orders: mpsc::Sender<Order>,
}

/// Serves a publisher.
pub(super) async fn serve(door: &Door, mut call: Call) {
    if let Err(refusal) = publish(door, &mut call).await {
        let reason = refusal.reason();
        door.metrics.refused(reason);
        tracing::info!(client = %call.peer, reason, "publisher refused: {refusal}");
        let end = Order::End(call.id, rejection::code(&refusal));
        // The port ends everybody when it ends itself.
        let _over = call.orders.send(end).await;
    }
}

/// Returns without a refusal when the publisher is done, or gone.
async fn publish(door: &Door, call: &mut Call) -> Result<(), Refusal> {
    let key = call.key.clone()?;
    let admitted = door
        .admit(&Entrance::Srt, &key, whose(door, call.peer))
        .await;
    if let Err(Refusal::Key) = admitted {
        // Guessing takes long.
        sleep(door.config.guess_delay()).await;
    }
    let admission = admitted?;
    let outlet = passage::open(door, &admission, &key).await?;
    if !accept(call).await {
        return Ok(());
    }
    let Admission { key, goal, .. } = &admission;
    tracing::info!(
        stream.id = %key.stream, layer.id = %key.layer, client = %call.peer,
        passed_on = *goal != Goal::Here, "publisher connected"
    );
    let _counted = door.metrics.publisher();
    let ended = carry(door, call, &admission, outlet).await;
    tracing::info!(stream.id = %key.stream, layer.id = %key.layer, "publisher gone");
    ended
}

/// Whose wrong keys are counted together. A proxy does not say for whom it passes datagrams on: it
/// is nobody.
fn whose(door: &Door, peer: IpAddr) -> Option<IpAddr> {
    let proxied = door
        .trusted_proxies
        .iter()
        .any(|network| network.contains(&peer));
    (!proxied).then_some(peer)
}

/// Whether it is in: it may be gone, or have another passphrase.
async fn accept(call: &Call) -> bool {
    let (answer, answered) = oneshot::channel();
    let asked = call.orders.send(Order::Accept(call.id, answer)).await;
    asked.is_ok() && answered.await.unwrap_or(false)
}

/// Sends on what the publisher sends, for as long as it may.
async fn carry(
    door: &Door,
    call: &mut Call,
    admission: &Admission,
    mut outlet: Outlet,
) -> Result<(), Refusal> {
    let mut changes = door
        .changes(&admission.key.stream)
        .ok_or(Refusal::NoHolder)?;
    let mut remuxer = Remuxer::new(Limits {
        frame_bytes_max: door.config.message_bytes_max,
    });
    let mut payloads = Vec::with_capacity(PAYLOADS_AT_ONCE);
    loop {
        let silence = door.config.silence();
        tokio::select! {
            count = timeout(silence, call.payloads.recv_many(&mut payloads, PAYLOADS_AT_ONCE)) => {
                if count.map_err(|_elapsed| Refusal::Silent)? == 0 {
                    return offer(&mut outlet, remuxer.finish()?);
                }
                admission.seat.heard(Instant::now());
                for payload in payloads.drain(..) {
                    door.metrics.bytes(payload.len());
                    offer(&mut outlet, remuxer.push(&payload)?)?;
                }
            }
            () = changes.next() => door.still_holds(admission).await?,
            () = admission.seat.cut.cancelled() => return Err(Refusal::TakenOver),
            () = door.lifecycle.draining().cancelled() => return Err(Refusal::Ending),
        }
    }
}

fn offer(outlet: &mut Outlet, tags: Vec<Tag>) -> Result<(), Refusal> {
    for tag in tags {
        outlet.offer(tag).map_err(|_closed| Refusal::SiblingGone)?;
    }
    Ok(())
}
