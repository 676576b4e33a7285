use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::Duration;

use sm_bus::redis::Script;
use sm_bus::{Bus, BusError, keys};

use crate::config::SignInConfig;
use crate::origin::site;
use crate::secret::digest;

static ADMIT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/admit_attempt.lua")));
static FORGIVE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/forgive_attempt.lua")));

/// Limits failures to sign in, by name and address together and by address alone. Never by name
/// alone: anybody could lock anybody out.
#[derive(Clone, Debug)]
pub(crate) struct Throttle {
    bus: Bus,
    limits: SignInConfig,
}

/// An attempt to sign in.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// The counters that it counts on.
    counters: [String; 2],
}

/// Whether an attempt may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Admitted,
    /// Not before this time has passed.
    Refused(Duration),
}

impl Attempt {
    pub(crate) fn new(name: &str, client: IpAddr) -> Self {
        let network = site(client);
        // The digests hide names and addresses from whoever reads the keys.
        let pair = digest(&format!("{}\n{network}", name.to_lowercase()));
        let alone = digest(&network.to_string());
        Self {
            counters: [
                keys::sign_in_failures(&pair),
                keys::sign_in_failures(&alone),
            ],
        }
    }
}

impl Throttle {
    pub(crate) const fn new(bus: Bus, limits: SignInConfig) -> Self {
        Self { bus, limits }
    }

    /// Counts an attempt as failed until it is said to be otherwise.
    pub(crate) async fn admit(&self, attempt: &Attempt) -> Result<Admission, BusError> {
        let mut script = ADMIT.prepare_invoke();
        for counter in &attempt.counters {
            script.key(counter);
        }
        script
            .arg(u64::try_from(self.limits.window().as_millis()).unwrap_or(u64::MAX))
            .arg(self.limits.failures_per_name_max)
            .arg(self.limits.failures_per_address_max);
        let wait_ms: u64 = self.bus.script(&script).await?;
        Ok(match wait_ms {
            0 => Admission::Admitted,
            wait_ms => Admission::Refused(Duration::from_millis(wait_ms)),
        })
    }

    /// The attempt succeeded: the name starts anew at this address.
    pub(crate) async fn succeeded(&self, attempt: &Attempt) {
        self.forgive(attempt, "succeeded").await;
    }

    /// Nothing was learned from the attempt.
    pub(crate) async fn undone(&self, attempt: &Attempt) {
        self.forgive(attempt, "undone").await;
    }

    async fn forgive(&self, attempt: &Attempt, how: &str) {
        let mut script = FORGIVE.prepare_invoke();
        for counter in &attempt.counters {
            script.key(counter);
        }
        script.arg(how);
        let forgiven: Result<u64, BusError> = self.bus.script(&script).await;
        if let Err(error) = forgiven {
            // The attempt stays counted until the window ends.
            tracing::debug!(%error, "an attempt to sign in was not forgiven");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(name: &str, client: &str) -> [String; 2] {
        Attempt::new(name, client.parse().unwrap()).counters
    }

    #[test]
    fn a_name_counts_apart_at_each_address() {
        let [here, here_alone] = counters("ada", "192.0.2.1");
        let [there, there_alone] = counters("ada", "192.0.2.2");
        assert_ne!(here, there);
        assert_ne!(here_alone, there_alone);
        assert_eq!(counters("ADA", "192.0.2.1"), [here, here_alone]);
    }

    #[test]
    fn an_ipv6_site_is_one_client_and_a_mapped_address_is_ipv4() {
        assert_eq!(
            counters("ada", "2001:db8:1:2::1"),
            counters("ada", "2001:db8:1:2:ffff::9")
        );
        assert_ne!(
            counters("ada", "2001:db8:1:2::1"),
            counters("ada", "2001:db8:1:3::1")
        );
        assert_eq!(
            counters("ada", "::ffff:192.0.2.1"),
            counters("ada", "192.0.2.1")
        );
    }
}
