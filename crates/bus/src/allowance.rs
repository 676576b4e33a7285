use std::sync::LazyLock;
use std::time::Duration;

use deadpool_redis::redis::{FromRedisValue, Script};
use sm_common::rate::{Quota, Taken};

use crate::connection::Bus;
use crate::error::BusError;
use crate::link::Link;
use crate::request::Request;
use crate::server::Server;

static ALLOWANCE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/allowance.lua")));

impl Bus {
    /// Takes up to `wanted` requests of a quota that all processes share, in one round trip.
    pub async fn take_allowance(
        &self,
        key: &str,
        quota: Quota,
        wanted: u32,
    ) -> Result<Taken, BusError> {
        let mut invocation = ALLOWANCE.prepare_invoke();
        invocation
            .key(key)
            .arg(quota.requests.get())
            .arg(quota.window_us())
            .arg(quota.interval_us())
            .arg(wanted);
        // Boxed: the futures of all requests hold this one.
        let taking = Box::pin(self.take_over_counters(Request::Script(&invocation)));
        let (granted, remaining, restored_us, next_us): (u32, u32, u64, u64) =
            self.within(taking).await?;
        Ok(Taken {
            granted,
            remaining,
            restored_in: Duration::from_micros(restored_us),
            next_in: Duration::from_micros(next_us),
        })
    }

    async fn take_over_counters<T: FromRedisValue>(
        &self,
        request: Request<'_>,
    ) -> Result<T, BusError> {
        match &self.shared.server {
            Server::One(one) => {
                let step = async |link: &mut Link| {
                    let answer = request.send(link).await;
                    answer.map_err(BusError::Command)
                };
                one.counters.pass_unproven(&one.pool, step).await
            }
            Server::Cluster(cluster) => cluster.send(request).await,
        }
    }
}
