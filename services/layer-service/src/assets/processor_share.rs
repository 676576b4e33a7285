//! Whether a process was let run, or had to wait for others.

use std::path::Path;
use std::time::Duration;

/// What a process had of the processors so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ProcessorShare {
    /// How long it ran.
    ran: Duration,
    /// How long it could have run, and others did.
    waited: Duration,
}

impl ProcessorShare {
    /// That of a running process; `None` where the kernel does not tell.
    pub(super) fn of(process: u32) -> Option<Self> {
        let tasks = Path::new("/proc").join(process.to_string()).join("task");
        let mut share = Self::default();
        for task in std::fs::read_dir(tasks).ok()? {
            // A thread may end while it is looked at.
            let text = std::fs::read_to_string(task.ok()?.path().join("schedstat"));
            if let Some(more) = text.ok().and_then(|text| Self::read(&text)) {
                share.ran = share.ran.saturating_add(more.ran);
                share.waited = share.waited.saturating_add(more.waited);
            }
        }
        Some(share)
    }

    /// Nanoseconds that ran and waited, and how often it ran.
    fn read(text: &str) -> Option<Self> {
        let mut fields = text.split_ascii_whitespace();
        let mut next = || Some(Duration::from_nanos(fields.next()?.parse().ok()?));
        Some(Self {
            ran: next()?,
            waited: next()?,
        })
    }

    /// Whether, of the time it had, it waited for longer than it ran, and for most of it. One that did
    /// neither waits for something else, which is its own affair.
    pub(super) fn is_starved(self, had: Duration) -> bool {
        self.waited > self.ran && self.waited > had / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_most_of_the_time_is_starved() {
        let had = Duration::from_micros(6);
        let starved = |text: &str| Some(ProcessorShare::read(text)?.is_starved(had));
        assert_eq!(starved("1000 5000 3\n"), Some(true));
        assert_eq!(starved("5000 1000 3\n"), Some(false));
        // It was not let run at once, and slept then.
        assert_eq!(starved("100 500 3\n"), Some(false));
        assert_eq!(starved("0 0 0\n"), Some(false));
        assert_eq!(starved(""), None);
        assert_eq!(starved("a b c"), None);
    }

    #[test]
    fn this_process_has_run() {
        let share = ProcessorShare::of(std::process::id()).unwrap();
        assert!(share.ran > Duration::ZERO);
    }
}
