//! Keeps a page drawn: starts its renderer, watches it, and begins anew when it fails.

use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sm_common::address::{NetworkPolicy, SourceUrl};
use sm_common::clock::SharedClock;
use sm_media_protocol::{RenderFailure, RenderNews, RenderOrder, RetryTerms, WebSettings};

use super::process::{Renderer, Said};
use crate::backoff::Backoff;
use crate::layer::failure::{Failure, Retry};
use crate::layer::network::resolve;
use crate::layer::{Mailbox, News};
use crate::pipeline::PictureSlot;

/// How often it is measured what a page uses.
const MEASURE_EVERY: Duration = Duration::from_secs(1);
/// A page that ran for this long has recovered from what failed before.
const RECOVERED_AFTER: Duration = Duration::from_secs(30);

/// What a keeper works with.
pub(super) struct Task {
    pub(super) order: RenderOrder,
    pub(super) url: SourceUrl,
    pub(super) policy: NetworkPolicy,
    pub(super) settings: WebSettings,
    /// How long it waits after failures.
    pub(super) retry: RetryTerms,
    pub(super) slot: Arc<PictureSlot>,
    pub(super) mailbox: Mailbox,
    pub(super) wall: SharedClock,
    /// Its place among the pages that may be open.
    pub(super) place: Arc<()>,
}

/// Runs a [`Task`] on a thread of its own, until it is dropped.
pub(super) struct Keeper(Arc<Closing>);

impl Keeper {
    /// Starts to keep the page.
    pub(super) fn start(task: Task) -> Self {
        let closing = Arc::<Closing>::default();
        let theirs = Arc::clone(&closing);
        let mailbox = task.mailbox.clone();
        let started = thread::Builder::new()
            .name("web".to_owned())
            .spawn(move || task.run(&theirs));
        if let Err(error) = started {
            mailbox.tell(News::Failed(Failure::engine(error.kind())));
        }
        Self(closing)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Lets go of a thread that waits, or listens to a renderer.
#[derive(Debug, Default)]
struct Closing {
    state: Mutex<Open>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Open {
    closed: bool,
    line: Option<UnixStream>,
}

impl Closing {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        let mut open = self.lock();
        open.closed = true;
        if let Some(line) = open.line.take() {
            // Ended already, if that fails.
            let _ = line.shutdown(Shutdown::Both);
        }
        drop(open);
        self.changed.notify_all();
    }

    fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The line that ends when this is closed.
    fn attach(&self, line: Option<UnixStream>) {
        self.lock().line = line;
    }

    /// Waits for so long; `false` when it was closed meanwhile.
    fn wait(&self, length: Duration) -> bool {
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), length, |open| !open.closed);
        let (open, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !open.closed
    }
}

/// Why a renderer is not used any longer.
enum Outcome {
    Closed,
    Failed { failure: Failure, lasted: Duration },
}

impl Task {
    fn run(self, closing: &Closing) {
        let mut backoff = Backoff::new(self.retry);
        let mut attempts = 0;
        while !closing.is_closed() {
            let Outcome::Failed {
                mut failure,
                lasted,
            } = self.attempt(closing)
            else {
                return;
            };
            if lasted >= RECOVERED_AFTER {
                backoff.reset();
                attempts = 0;
            }
            attempts += 1;
            let wait = backoff.next();
            failure.retry = Some(Retry {
                attempts,
                at: self.wall.now().plus(wait),
            });
            tracing::warn!(%failure, "web page");
            self.mailbox.tell(News::Failed(failure));
            if !closing.wait(wait) {
                return;
            }
        }
        drop(self.place);
    }

    fn attempt(&self, closing: &Closing) -> Outcome {
        let failed = |failure| Outcome::Failed {
            failure,
            lasted: Duration::ZERO,
        };
        if let Err(refused) = resolve(&self.url, &self.policy) {
            return failed(refused.into());
        }
        let mut renderer = match Renderer::launch(&self.order) {
            Ok(renderer) => renderer,
            Err(error) => return failed(Failure::engine(error.kind())),
        };
        closing.attach(renderer.line().ok());
        let outcome = self.watch(&mut renderer, closing);
        closing.attach(None);
        outcome
    }

    /// Shows what the renderer draws, until it fails or nobody wants it.
    fn watch(&self, renderer: &mut Renderer, closing: &Closing) -> Outcome {
        let ms = Duration::from_millis;
        let (start, stall) = (ms(self.settings.start_ms), ms(self.settings.stall_ms));
        let mut watch = Watch::new(Instant::now(), start, stall);
        let mut measure_at = Instant::now() + MEASURE_EVERY;
        loop {
            let now = Instant::now();
            let wait = measure_at.min(watch.deadline());
            let said = renderer.listen(wait.saturating_duration_since(now));
            if closing.is_closed() {
                return Outcome::Closed;
            }
            let failure = match said {
                Said::News(RenderNews::Picture { slot, opaque }) => {
                    match renderer.picture(slot, opaque) {
                        Some(picture) => {
                            self.slot.put(Some(picture));
                            if watch.alive(Instant::now()) {
                                self.mailbox.tell(News::Flowing);
                            }
                            None
                        }
                        None => Some(Failure::web_crashed()),
                    }
                }
                Said::News(RenderNews::Alive) => {
                    watch.alive_if_shown(Instant::now());
                    None
                }
                Said::News(RenderNews::Failed { why }) => Some(failure_of(why)),
                Said::Gone => Some(Failure::web_crashed()),
                Said::Nothing => None,
            };
            let failure = failure
                .or_else(|| watch.verdict(Instant::now()))
                .or_else(|| {
                    let due = measure_at <= Instant::now();
                    due.then(|| {
                        measure_at = Instant::now() + MEASURE_EVERY;
                        self.judge(renderer, &mut watch)
                    })
                    .flatten()
                });
            if let Some(failure) = failure {
                return Outcome::Failed {
                    failure,
                    lasted: watch.shown_for(Instant::now()),
                };
            }
        }
    }

    /// What is wrong with what the renderer uses, if anything is.
    fn judge(&self, renderer: &Renderer, watch: &mut Watch) -> Option<Failure> {
        let usage = renderer.usage();
        if usage.memory_bytes > self.settings.memory_bytes_max {
            return Some(Failure::web_memory());
        }
        // The renderer goes on without it, with the last picture. For a moment there may be none, when
        // the page goes from one site to another.
        watch.is_orphaned(usage.has_page).then(Failure::web_crashed)
    }
}

fn failure_of(why: RenderFailure) -> Failure {
    match why {
        RenderFailure::Unavailable => Failure::web_unavailable(),
        RenderFailure::NotLoaded => Failure::web_not_loaded(),
        RenderFailure::Crashed => Failure::web_crashed(),
        RenderFailure::Renderer => Failure::engine("the page cannot be drawn"),
    }
}

/// Whether a page lives. Pure.
#[derive(Debug)]
struct Watch {
    stall: Duration,
    shown_since: Option<Instant>,
    deadline: Instant,
    /// Whether its process was missing when last looked for.
    missing: bool,
}

impl Watch {
    fn new(now: Instant, start: Duration, stall: Duration) -> Self {
        Self {
            stall,
            shown_since: None,
            missing: false,
            deadline: now + start,
        }
    }

    const fn deadline(&self) -> Instant {
        self.deadline
    }

    const fn is_shown(&self) -> bool {
        self.shown_since.is_some()
    }

    /// It looks different; whether it is seen for the first time.
    fn alive(&mut self, now: Instant) -> bool {
        let is_first = self.shown_since.is_none();
        self.shown_since.get_or_insert(now);
        self.deadline = now + self.stall;
        is_first
    }

    /// It runs. Before its first picture that is not enough.
    fn alive_if_shown(&mut self, now: Instant) {
        if self.is_shown() {
            self.deadline = now + self.stall;
        }
    }

    /// Whether a page that is shown has had no process twice in a row.
    fn is_orphaned(&mut self, has_page: bool) -> bool {
        let is_missing = self.is_shown() && !has_page;
        std::mem::replace(&mut self.missing, is_missing) && is_missing
    }

    fn shown_for(&self, now: Instant) -> Duration {
        self.shown_since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    fn verdict(&self, now: Instant) -> Option<Failure> {
        let late = now >= self.deadline;
        late.then(|| match self.shown_since {
            Some(_) => Failure::web_stalled(),
            None => Failure::web_silent(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_page_has_time_to_show_and_must_live_from_then_on() {
        let start = Instant::now();
        let mut watch = Watch::new(start, SECOND * 20, SECOND * 5);
        let code = |watch: &Watch, after: Duration| {
            watch.verdict(start + after).map(|failure| failure.code)
        };
        watch.alive_if_shown(start + SECOND * 15);
        assert_eq!(code(&watch, SECOND * 19), None);
        assert_eq!(code(&watch, SECOND * 20), Some("layer.web.silent"));
        assert!(watch.alive(start + SECOND * 10), "the first picture");
        assert!(!watch.alive(start + SECOND * 11));
        watch.alive_if_shown(start + SECOND * 12);
        assert_eq!(code(&watch, SECOND * 16), None);
        assert_eq!(code(&watch, SECOND * 17), Some("layer.web.stalled"));
        assert_eq!(watch.shown_for(start + SECOND * 17), SECOND * 7);
        let seen = [true, false, true, false, false].map(|has| watch.is_orphaned(has));
        assert_eq!(seen, [false, false, false, false, true]);
    }
}
