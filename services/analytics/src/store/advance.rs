use std::collections::BTreeMap;

use sm_bus::{BusError, Commit, CommitOutcome, Guard, keys};
use sm_common::clock::Timestamp;
use sm_common::id::StreamId;

use super::block::{Block, WRITES};
use super::timeline::{STATUS, status_key};
use super::{Log, Progress, Store};
use crate::catalogue::Series;
use crate::rollup::{Combine, SecondRow, Seconds};
use crate::timeline::Happening;

/// Most fields that one write sets: a script takes a bounded number of arguments.
const FIELDS_MAX: usize = 500;

/// A step through a log: what was read, and what follows from it.
#[derive(Clone, Debug)]
pub(crate) struct Advance {
    /// Where the reader was.
    pub(crate) before: Option<Progress>,
    /// Where it is then.
    pub(crate) after: Progress,
    /// Rows to be added.
    pub(crate) rows: Option<(Series, Seconds)>,
    /// Entries to be added to the timeline.
    pub(crate) happenings: Vec<Happening>,
}

impl Store {
    /// Takes the step, whole or not at all. False when the reader is not where the step begins:
    /// another replica was faster, or Redis has lost its last moment; read the progress again.
    pub(crate) async fn advance(
        &self,
        log: &Log,
        step: &Advance,
        now: Timestamp,
    ) -> Result<bool, BusError> {
        let mut commit = guard(Commit::new(), log, step.before.as_ref());
        if let Some((series, rows)) = &step.rows {
            commit = self.write_rows(commit, &log.stream, *series, rows);
        }
        if !step.happenings.is_empty() {
            commit = self.write_happenings(commit, &log.stream, &step.happenings, now)?;
        }
        commit = write_progress(commit, log, &step.after);
        match self.bus.commit(commit, Vec::new()).await? {
            CommitOutcome::Committed(_) => Ok(true),
            CommitOutcome::Replayed(_) | CommitOutcome::Refused { .. } => Ok(false),
        }
    }

    /// Adds rows to the blocks that they lie in. A sample replaces what is there of its second;
    /// what is counted adds up.
    fn write_rows(
        &self,
        mut commit: Commit,
        stream: &StreamId,
        series: Series,
        seconds: &Seconds,
    ) -> Commit {
        let mut blocks: BTreeMap<Block, Vec<(String, &SecondRow)>> = BTreeMap::new();
        for (second, row) in seconds {
            let rows = blocks.entry(Block::of(series, *second)).or_default();
            rows.push((Block::field(*second), row));
        }
        // Whoever packs comes long before.
        let lifetime = self.retention.minutes_s.to_string();
        let open = keys::open_blocks(stream);
        for (block, rows) in blocks {
            let key = block.key(stream);
            match series.combine() {
                Combine::Replace => {
                    for rows in rows.chunks(FIELDS_MAX) {
                        let cells = rows
                            .iter()
                            .flat_map(|(field, row)| [field.clone(), row.encode()]);
                        commit = commit.write("HSET", key.clone(), cells.collect());
                    }
                }
                Combine::Add => {
                    for (field, row) in rows {
                        let count = row.0.first().copied().flatten().unwrap_or(0);
                        let more = vec![field, count.to_string()];
                        commit = commit.write("HINCRBY", key.clone(), more);
                    }
                }
            }
            let one = vec![WRITES.to_owned(), "1".to_owned()];
            commit = commit
                .write("HINCRBY", key.clone(), one)
                .write("EXPIRE", key, vec![lifetime.clone()])
                .write("SADD", open.clone(), vec![block.name()]);
        }
        commit
    }

    fn write_happenings(
        &self,
        mut commit: Commit,
        stream: &StreamId,
        happenings: &[Happening],
        now: Timestamp,
    ) -> Result<Commit, BusError> {
        let key = keys::timeline(stream);
        for happening in happenings {
            let score = happening.at().as_unix_millis().to_string();
            let entry = serde_json::to_string(happening).map_err(BusError::Encode)?;
            if matches!(happening, Happening::Status(_)) {
                // Kept for as long as it holds, however old it grows.
                commit = commit.hash_set(status_key(stream), STATUS, entry.clone());
            }
            commit = commit.write("ZADD", key.clone(), vec![score, entry]);
        }
        let oldest = now.as_unix_millis() - i64::from(self.retention.minutes_s) * 1000;
        let too_many = -i64::from(self.retention.timeline_max) - 1;
        let by_age = vec!["-inf".to_owned(), format!("({oldest}")];
        let by_rank = vec!["0".to_owned(), too_many.to_string()];
        Ok(commit.write("ZREMRANGEBYSCORE", key.clone(), by_age).write(
            "ZREMRANGEBYRANK",
            key,
            by_rank,
        ))
    }
}

fn guard(commit: Commit, log: &Log, before: Option<&Progress>) -> Commit {
    let key = keys::analytics_position(&log.stream, log.channel);
    let epoch = before.map(|before| before.position.epoch.as_str());
    let offset = before.map(|before| before.position.offset.to_string());
    commit
        .guard(Guard::field(key.clone(), "epoch", epoch))
        .guard(Guard::field(key, "offset", offset.as_deref()))
}

fn write_progress(commit: Commit, log: &Log, after: &Progress) -> Commit {
    let fields = [
        ("epoch", after.position.epoch.as_str().to_owned()),
        ("offset", after.position.offset.to_string()),
        ("at", after.at.as_unix_millis().to_string()),
        ("since", after.since.as_unix_millis().to_string()),
    ];
    let cells = fields
        .into_iter()
        .flat_map(|(field, value)| [field.to_owned(), value])
        .collect();
    let key = keys::analytics_position(&log.stream, log.channel);
    commit.write("HSET", key, cells)
}
