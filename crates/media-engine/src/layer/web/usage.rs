//! What the processes of a page use together.

use std::collections::BTreeMap;

/// The process that runs a page's scripts, as WebKit names it.
const WEB_PROCESS: &str = "WPEWebProcess";

/// A process as far as it counts here.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    pid: i32,
    parent: i32,
    name: String,
    memory_bytes: u64,
}

/// What a renderer and its helpers use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Resident memory; what they share is counted for each.
    pub(super) memory_bytes: u64,
    /// Whether the page's own process is there.
    pub(super) has_page: bool,
}

/// What the renderer of this number and all its descendants use.
pub(super) fn measure(renderer: u32) -> Usage {
    let processes = procfs::process::all_processes().into_iter().flatten();
    let known: Vec<Known> = processes
        .filter_map(|process| process.ok()?.stat().ok())
        .map(|stat| Known {
            pid: stat.pid,
            parent: stat.ppid,
            name: stat.comm,
            memory_bytes: stat.rss.saturating_mul(procfs::page_size()),
        })
        .collect();
    i32::try_from(renderer).map_or(Usage::default(), |renderer| sum(&known, renderer))
}

fn sum(known: &[Known], renderer: i32) -> Usage {
    let mut children: BTreeMap<i32, Vec<&Known>> = BTreeMap::new();
    for process in known {
        children.entry(process.parent).or_default().push(process);
    }
    let mut family: Vec<&Known> = known
        .iter()
        .filter(|process| process.pid == renderer)
        .collect();
    let mut usage = Usage::default();
    // Parents never form a circle, and everybody has one: each is met once.
    while let Some(process) = family.pop() {
        usage.memory_bytes = usage.memory_bytes.saturating_add(process.memory_bytes);
        usage.has_page |= process.name == WEB_PROCESS;
        let descendants = children.remove(&process.pid).unwrap_or_default();
        family.extend(descendants);
    }
    usage
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, parent: i32, name: &str, memory_bytes: u64) -> Known {
        Known {
            pid,
            parent,
            name: name.to_owned(),
            memory_bytes,
        }
    }

    #[test]
    fn helpers_and_their_helpers_count_and_others_do_not() {
        let known = [
            process(1, 0, "init", 1000),
            process(10, 1, "media-worker-we", 1),
            process(11, 10, "WPENetworkProce", 20),
            process(12, 10, "bwrap", 300),
            process(13, 12, WEB_PROCESS, 4000),
            process(20, 1, WEB_PROCESS, 50_000),
        ];
        let all = Usage {
            memory_bytes: 4321,
            has_page: true,
        };
        assert_eq!(sum(&known, 10), all);
        assert!(!sum(&known[..4], 10).has_page);
        assert_eq!(sum(&known, 99), Usage::default());
    }

    #[test]
    fn this_process_uses_memory() {
        assert!(measure(std::process::id()).memory_bytes > 0);
    }
}
