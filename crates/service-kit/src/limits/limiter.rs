use std::error::Error as StdError;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use actix_web::http::Method;
use actix_web::http::header::HeaderValue;
use futures_util::future::LocalBoxFuture;
use ipnet::IpNet;
use prometheus::{IntGauge, Registry};
use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};
use sm_common::id::UserId;
use sm_common::rate::{Quota, Taken};
use tokio::time::timeout;

use super::account::{Account, Step, Verdict};
use super::class::class_of;
use super::metrics::{Asked, LimitMetrics};
use super::{Class, LimitsConfig, Rule};

/// Requests that are to be taken of a quota that all replicas share.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The class.
    pub class: Class,
    /// The caller: a digest in hexadecimal.
    pub caller: String,
    /// Of how many.
    pub quota: Quota,
    /// How many.
    pub wanted: u32,
}

type Outcome = Result<Taken, Box<dyn StdError + Send + Sync>>;
type Ask = Box<dyn Fn(Wish) -> LocalBoxFuture<'static, Outcome> + Send + Sync>;

/// Who sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Caller {
    /// Somebody who is signed in, wherever they are: those who share an address do not share a quota.
    User(UserId),
    /// Everybody else at an address.
    Address(IpAddr),
}

impl Caller {
    /// Everybody without a valid token at an address: of IPv6, at the network that one site has.
    pub(super) fn at(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
        })
    }

    /// Hides the caller from whoever reads the keys.
    fn digest(self) -> String {
        let text = match self {
            Self::User(user) => user.to_string(),
            Self::Address(address) => address.to_string(),
        };
        let digest = Sha256::digest(text.as_bytes());
        let mut hexadecimal = String::with_capacity(32);
        for byte in digest.iter().take(16) {
            // Writing to a String cannot fail.
            let _ = write!(hexadecimal, "{byte:02x}");
        }
        hexadecimal
    }
}

/// Counts requests. Cheap to clone; all threads of a process share one.
#[derive(Clone)]
pub struct Limiter {
    shared: Arc<Shared>,
}

struct Shared {
    config: LimitsConfig,
    trusted_proxies: Vec<IpNet>,
    rules: OnceLock<&'static [Rule]>,
    ask: OnceLock<Ask>,
    accounts: Cache<(Class, Caller), Arc<Mutex<Account>>>,
    policies: [Policy; Class::ALL.len()],
    started_at: Instant,
    /// Until when nothing is asked of what all replicas share, in microseconds since `started_at`.
    away_until_us: AtomicU64,
    metrics: LimitMetrics,
}

/// What is fixed about a class.
struct Policy {
    quota: Quota,
    header: HeaderValue,
    concurrent_max: i64,
    in_flight: IntGauge,
}

/// A request's place among those under way.
pub(super) struct Place(IntGauge);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiter")
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}

impl Limiter {
    /// Counts for this process alone, until [`Self::share`] says where all replicas do.
    pub(crate) fn new(
        config: LimitsConfig,
        trusted_proxies: Vec<IpNet>,
        registry: &Registry,
    ) -> Result<Self, prometheus::Error> {
        let metrics = LimitMetrics::register(registry)?;
        let policies = Class::ALL.map(|class| Policy::new(class, &config, &metrics));
        Ok(Self {
            shared: Arc::new(Shared {
                accounts: Cache::new(config.callers_max.get()),
                trusted_proxies,
                rules: OnceLock::new(),
                ask: OnceLock::new(),
                policies,
                started_at: Instant::now(),
                away_until_us: AtomicU64::new(0),
                metrics,
                config,
            }),
        })
    }

    /// Says which requests are of which class. Once; later rules are ignored.
    pub fn classify(&self, rules: &'static [Rule]) {
        // Set twice only by a mistake of the service that its first test shows.
        let _ = self.shared.rules.set(rules);
    }

    /// Says where all replicas count together. Once; later places are ignored.
    pub fn share<F, E>(&self, ask: impl Fn(Wish) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<Taken, E>> + 'static,
        E: StdError + Send + Sync + 'static,
    {
        let boxed: Ask = Box::new(move |wish| {
            let asked = ask(wish);
            Box::pin(async move { asked.await.map_err(Into::into) })
        });
        let _ = self.shared.ask.set(boxed);
    }

    pub(super) fn trusted_proxies(&self) -> &[IpNet] {
        &self.shared.trusted_proxies
    }

    /// The class of a request; `None` where it is not counted.
    pub(super) fn class_of(&self, method: &Method, path: &str) -> Option<Class> {
        if !self.shared.config.enabled {
            return None;
        }
        let rules = self.shared.rules.get().copied().unwrap_or_default();
        class_of(rules, method, path)
    }

    /// A place among the requests of this class that are under way; `None` where all are taken.
    pub(super) fn enter(&self, class: Class) -> Option<Place> {
        let policy = self.policy(class)?;
        policy.in_flight.inc();
        let place = Place(policy.in_flight.clone());
        if policy.in_flight.get() > policy.concurrent_max {
            self.shared.metrics.crowded_out(class);
            return None;
        }
        Some(place)
    }

    /// The `RateLimit-Policy` of a class.
    pub(super) fn policy_header(&self, class: Class) -> Option<HeaderValue> {
        self.policy(class).map(|policy| policy.header.clone())
    }

    /// Counts a request.
    pub(super) async fn admit(&self, class: Class, caller: Caller) -> Option<Verdict> {
        let quota = self.policy(class)?.quota;
        let account = self.account(class, caller);
        let verdict = self.count(class, caller, quota, &account).await;
        if matches!(verdict, Verdict::Refused(..)) {
            self.shared.metrics.refused(class);
        }
        Some(verdict)
    }

    async fn count(
        &self,
        class: Class,
        caller: Caller,
        quota: Quota,
        account: &Mutex<Account>,
    ) -> Verdict {
        let shared = &*self.shared;
        let ask = shared.ask.get().filter(|_| class.is_shared());
        let Some(ask) = ask.filter(|_| self.may_ask()) else {
            return lock(account).alone(self.now_us(), quota);
        };
        let (wanted, leads) = match lock(account).step(Instant::now(), quota) {
            Step::Known(verdict) => return verdict,
            Step::Ask { wanted, leads } => (wanted, leads),
        };
        let owed = leads.then_some(Owed(account));
        let wish = Wish {
            class,
            caller: caller.digest(),
            quota,
            wanted,
        };
        let asked = timeout(shared.config.shared_timeout(), ask(wish)).await;
        drop(owed);
        if let Ok(Ok(taken)) = asked {
            let outcome = if taken.granted == 0 {
                Asked::Refused
            } else {
                Asked::Granted
            };
            shared.metrics.asked(class, outcome);
            return lock(account).take(taken, Instant::now(), shared.config.ahead());
        }
        if let Ok(Err(error)) = asked {
            tracing::debug!(error = &*error, "the shared quota cannot be asked");
        }
        shared.metrics.asked(class, Asked::Unavailable);
        let later = u64::try_from(shared.config.shared_retry().as_micros()).unwrap_or(u64::MAX);
        let until = self.now_us().saturating_add(later);
        shared.away_until_us.store(until, Ordering::Relaxed);
        lock(account).alone(self.now_us(), quota)
    }

    /// Whether what all replicas share is to be asked. After it was away, by one request first: the
    /// others go on without it for as long as that may take.
    fn may_ask(&self) -> bool {
        let until = self.shared.away_until_us.load(Ordering::Relaxed);
        if until == 0 {
            return true;
        }
        let now = self.now_us();
        if now < until {
            return false;
        }
        let patience = self.shared.config.shared_timeout().as_micros();
        let tried_until = now.saturating_add(u64::try_from(patience).unwrap_or(u64::MAX));
        self.shared
            .away_until_us
            .compare_exchange(until, tried_until, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    fn account(&self, class: Class, caller: Caller) -> Arc<Mutex<Account>> {
        let key = (class, caller);
        if let Some(known) = self.shared.accounts.get(&key) {
            return known;
        }
        let made = Arc::new(Mutex::new(Account::new(Instant::now())));
        self.shared.accounts.insert(key, Arc::clone(&made));
        made
    }

    fn policy(&self, class: Class) -> Option<&Policy> {
        self.shared.policies.get(class.index())
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.shared.started_at.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

impl Policy {
    fn new(class: Class, config: &LimitsConfig, metrics: &LimitMetrics) -> Self {
        let limits = config.of(class);
        let text = format!(
            "\"{}\";q={};w={}",
            class.as_str(),
            limits.requests,
            limits.window_s
        );
        Self {
            quota: limits.quota(),
            header: HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("")),
            concurrent_max: i64::try_from(limits.concurrent_max.get()).unwrap_or(i64::MAX),
            in_flight: metrics.in_flight(class),
        }
    }
}

/// The end of a question, however it ends: its request may be given up half-way.
struct Owed<'a>(&'a Mutex<Account>);

impl Drop for Owed<'_> {
    fn drop(&mut self) {
        lock(self.0).answered();
    }
}

/// An account stays whole whatever a panicking thread did.
fn lock(account: &Mutex<Account>) -> MutexGuard<'_, Account> {
    account.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_in_ipv6_is_one_caller_and_a_mapped_address_is_ipv4() {
        let at = |address: &str| Caller::at(address.parse().unwrap());
        assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff::9"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
        assert_ne!(at("192.0.2.1").digest(), at("192.0.2.2").digest());
        assert_eq!(at("192.0.2.1").digest().len(), 32);
    }
}
