//! What former versions kept: a row a second and a row a minute, of all metrics together.
//! Seconds become open blocks, minutes become chunks; then their keys are gone.

use std::collections::BTreeMap;

use sm_bus::{BusError, Commit, CommitOutcome, Guard, keys, redis};
use sm_common::id::StreamId;

use super::Store;
use super::block::{BLOCK_S, Block, WRITES};
use super::chunk::{Place, read_optional};
use super::pack::{PackError, Packed, Written};
use super::read::Rows;
use crate::catalogue::{Metric, Series};
use crate::rollup::{FormerMinute, HOUR, MINUTE, Stat, Tier};

/// Rows in a key of either kind.
const SECONDS_PER_KEY: i64 = 3600;
const MINUTES_PER_KEY: i64 = 1440;

impl Store {
    /// Moves what a former version kept of `stream`. Minutes first, and only those whose seconds
    /// are gone: the others come out of the seconds again. Can be repeated from any point.
    pub(crate) async fn move_former(&self, stream: &StreamId) -> Result<(), PackError> {
        let now_s = self.bus.clock().now().as_unix_seconds();
        let first_hour = (now_s - self.retention.of(Tier::Seconds)).div_euclid(HOUR) + 1;
        let last_hour = now_s.div_euclid(HOUR);
        let day_s = MINUTES_PER_KEY * MINUTE;
        let first_day = (now_s - self.retention.of(Tier::Minutes)).div_euclid(day_s) - 1;
        for day in first_day..=now_s.div_euclid(day_s) {
            self.move_day(stream, day, first_hour).await?;
        }
        for hour in first_hour - 2..=last_hour {
            if hour >= first_hour {
                self.move_hour(stream, hour).await?;
            }
            self.remove(keys::former_seconds(stream, hour)).await?;
        }
        Ok(())
    }

    async fn move_day(
        &self,
        stream: &StreamId,
        day: i64,
        first_hour: i64,
    ) -> Result<(), PackError> {
        let key = keys::former_minutes(stream, day);
        let cells = self.former_cells(&key).await?;
        if cells.is_empty() {
            return Ok(());
        }
        for series in Series::ALL {
            let rows: BTreeMap<i64, FormerMinute> = of_series(&cells, series)
                .map(|(place, cell)| (day * MINUTES_PER_KEY + place, cell))
                .filter(|(minute, _)| (minute * MINUTE).div_euclid(HOUR) < first_hour)
                .filter_map(|(minute, cell)| Some((minute, FormerMinute::decode(cell)?)))
                .collect();
            while !rows.is_empty()
                && self.add_minutes(stream, series, day, &rows).await? == Packed::Overtaken
            {
            }
        }
        Ok(self.remove(key).await?)
    }

    /// Adds minutes of one day where none are known, and the hours that they make.
    async fn add_minutes(
        &self,
        stream: &StreamId,
        series: Series,
        day: i64,
        rows: &BTreeMap<i64, FormerMinute>,
    ) -> Result<Packed, PackError> {
        let minutes = Tier::Minutes.chunk_of(day * MINUTES_PER_KEY);
        let hours = Tier::Hours.chunk_of(day * 24);
        let mut pipeline = redis::pipe();
        pipeline
            .atomic()
            .cmd("HGET")
            .arg(keys::packings(stream))
            .arg(series.name());
        let places = |metric: Metric| {
            [(Tier::Minutes, minutes), (Tier::Hours, hours)].map(|(tier, chunk)| Place {
                metric,
                tier,
                chunk,
            })
        };
        for place in series.metrics().flat_map(places) {
            pipeline.cmd("HGET").arg(place.key(stream)).arg(place.chunk);
        }
        let answers: Vec<redis::Value> = self.bus.pipeline(&pipeline).await?;
        let mut answers = answers.into_iter();
        let packings: Option<String> = read_optional(answers.next())?;
        let mut written = Vec::new();
        for metric in series.metrics() {
            let mut chunks = Vec::new();
            for place in places(metric) {
                let bytes: Option<Vec<u8>> = read_optional(answers.next())?;
                let chunk = place.unpack(bytes.as_deref());
                let chunk = chunk.map_err(|source| place.failed(source))?;
                chunks.push(chunk.into_rows());
            }
            let column = metric.column();
            let found = rows
                .iter()
                .filter_map(|(row, minute)| Some((*row, minute.0.get(column).copied()??)));
            let chunks = with_minutes(chunks, found);
            for (place, rows) in places(metric).into_iter().zip(chunks) {
                let bytes = place.pack_rows(&rows);
                let bytes = bytes.map_err(|source| place.failed(source))?;
                written.push(Written::rows(stream, place, bytes));
            }
        }
        self.write_chunks(stream, series, packings.as_deref(), &[], written)
            .await
    }

    /// Moves the seconds of an hour into open blocks, a block at a time.
    async fn move_hour(&self, stream: &StreamId, hour: i64) -> Result<(), BusError> {
        let key = keys::former_seconds(stream, hour);
        let cells = self.former_cells(&key).await?;
        for series in Series::ALL {
            let mut blocks: BTreeMap<i64, Vec<(i64, &str)>> = BTreeMap::new();
            for (place, cell) in of_series(&cells, series) {
                let rows = blocks.entry(place.div_euclid(BLOCK_S)).or_default();
                rows.push((place, cell));
            }
            for rows in blocks.into_values() {
                self.move_block(stream, (&key, hour), series, &rows).await?;
            }
        }
        Ok(())
    }

    async fn move_block(
        &self,
        stream: &StreamId,
        (former, hour): (&str, i64),
        series: Series,
        rows: &[(i64, &str)],
    ) -> Result<(), BusError> {
        let Some((first, cell)) = rows.first() else {
            return Ok(());
        };
        let block = Block::of(series, hour * SECONDS_PER_KEY + first);
        let key = block.key(stream);
        // Whoever moved them already has removed them.
        let guard = Guard::field(former.to_owned(), &field_of(series, *first), Some(*cell));
        let mut commit = Commit::new().guard(guard);
        for (place, cell) in rows {
            let field = Block::field(*place);
            commit = match series {
                // What a newer version wrote is newer.
                Series::Samples => {
                    commit.write("HSETNX", key.clone(), vec![field, (*cell).to_owned()])
                }
                Series::ChatMessages | Series::LayerChanges => {
                    let count = crate::rollup::SecondRow::decode(cell)
                        .and_then(|row| row.0.first().copied().flatten());
                    let more = vec![field, count.unwrap_or(0).to_string()];
                    commit.write("HINCRBY", key.clone(), more)
                }
            };
            let moved = vec![field_of(series, *place)];
            commit = commit.write("HDEL", former.to_owned(), moved);
        }
        let lifetime = self.retention.minutes_s.to_string();
        let commit = commit
            .write(
                "HINCRBY",
                key.clone(),
                vec![WRITES.to_owned(), "1".to_owned()],
            )
            .write("EXPIRE", key, vec![lifetime])
            .write("SADD", keys::open_blocks(stream), vec![block.name()]);
        match self.bus.commit(commit, Vec::new()).await? {
            CommitOutcome::Committed(_)
            | CommitOutcome::Refused { .. }
            | CommitOutcome::Replayed(_) => Ok(()),
        }
    }

    async fn former_cells(&self, key: &str) -> Result<BTreeMap<String, String>, BusError> {
        self.bus.query(redis::cmd("HGETALL").arg(key)).await
    }

    async fn remove(&self, key: String) -> Result<(), BusError> {
        self.bus.query(redis::cmd("DEL").arg(key)).await
    }
}

/// The cells of a series, by their place in the key.
fn of_series(
    cells: &BTreeMap<String, String>,
    series: Series,
) -> impl Iterator<Item = (i64, &str)> {
    cells.iter().filter_map(move |(field, cell)| {
        let (place, name) = field.split_once(':').unwrap_or((field, "samples"));
        (name == series.name()).then_some((place.parse().ok()?, cell.as_str()))
    })
}

fn field_of(series: Series, place: i64) -> String {
    match series {
        Series::Samples => place.to_string(),
        Series::ChatMessages | Series::LayerChanges => format!("{place}:{}", series.name()),
    }
}

/// A chunk of minutes and one of hours, with `found` where no minute was known.
fn with_minutes(chunks: Vec<Rows>, found: impl Iterator<Item = (i64, Stat)>) -> Vec<Rows> {
    let mut chunks = chunks.into_iter();
    let (mut minutes, mut hours) = (
        chunks.next().unwrap_or_default(),
        chunks.next().unwrap_or_default(),
    );
    let mut added = Rows::new();
    for (row, stat) in found {
        if minutes.contains_key(&row) {
            continue;
        }
        minutes.insert(row, stat);
        let hour = (row * MINUTE).div_euclid(HOUR);
        let mut kept = added.remove(&hour);
        Stat::fold(&mut kept, stat);
        added.extend(kept.map(|kept| (hour, kept)));
    }
    for (hour, stat) in added {
        let mut kept = hours.remove(&hour);
        Stat::fold(&mut kept, stat);
        hours.extend(kept.map(|kept| (hour, kept)));
    }
    vec![minutes, hours]
}
