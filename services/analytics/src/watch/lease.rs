//! Which replica watches. Two may for a moment: what they decide is committed only once.

use std::time::Duration;

use sm_bus::{Bus, BusError, keys, redis};

/// Takes the watch where nobody has it, or keeps it.
pub(super) async fn take_watch(bus: &Bus, ttl: Duration) -> Result<bool, BusError> {
    let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
    let set = |condition: &str| {
        let mut command = redis::cmd("SET");
        command
            .arg(keys::WATCH_LEASE)
            .arg(bus.instance().as_str())
            .arg(condition)
            .arg("PX")
            .arg(ttl_ms);
        command
    };
    let (first, again) = (set("NX"), set("XX"));
    let taken: Option<String> = bus.query(&first).await?;
    if taken.is_some() {
        return Ok(true);
    }
    if !holds_watch(bus).await? {
        return Ok(false);
    }
    let kept: Option<String> = bus.query(&again).await?;
    Ok(kept.is_some())
}

/// Whether this process watches.
pub(crate) async fn holds_watch(bus: &Bus) -> Result<bool, BusError> {
    let holder: Option<String> = bus.query(redis::cmd("GET").arg(keys::WATCH_LEASE)).await?;
    Ok(holder.as_deref() == Some(bus.instance().as_str()))
}

/// Lets another replica watch at once, at an orderly end.
pub(super) async fn leave_watch(bus: &Bus) -> Result<(), BusError> {
    if holds_watch(bus).await? {
        let _removed: u64 = bus.query(redis::cmd("DEL").arg(keys::WATCH_LEASE)).await?;
    }
    Ok(())
}
