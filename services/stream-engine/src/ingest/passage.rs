//! A way for an admitted feed to where it goes.

use secrecy::SecretString;

use super::door::{Admission, Door, Goal, Refusal};
use super::outlet::{Outlet, outlet};
use super::relay::{Relay, seed};
use super::worker_feed::feed_worker;

/// Opens it: to this process's worker, or to the sibling that lets the feed in.
pub(super) async fn open(
    door: &Door,
    admission: &Admission,
    key: &SecretString,
) -> Result<Outlet, Refusal> {
    let (outlet, pieces) = outlet(door.config.queue_bytes_max);
    match &admission.goal {
        Goal::Here => {
            let feeds = door.feeds.clone();
            door.lifecycle
                .spawn(feed_worker(pieces, feeds, admission.key.layer));
        }
        Goal::Elsewhere(holder) => {
            let relay = Relay::open(holder, key, door.way, seed()).await;
            door.lifecycle
                .spawn(relay.map_err(Refusal::Sibling)?.pass_on(pieces));
        }
    }
    Ok(outlet)
}
