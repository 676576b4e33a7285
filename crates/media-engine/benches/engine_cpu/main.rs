//! CPU for a second of stream: the worker, the `ffmpeg` command line and OBS on the same
//! composition, encoded alike (x264 at 2 threads, zero latency, a keyframe a second, AAC). The
//! contenders take turns, so that all meet the same machine. Prints one JSON document a line, one
//! for each pair.
//!
//! `engine-cpu [NAME]` runs the case of that name alone; see [`case::CASES`].

mod case;
mod contender;
mod ffmpeg;
mod media;
mod obs;
mod report;
mod worker;

use std::io::Write as _;

use anyhow::Context as _;

use case::{CASES, Case};
use contender::{Contender, Cost};
use media::Media;

/// Turns that each contender gets.
const RUNS: usize = 5;

fn main() -> anyhow::Result<()> {
    let wanted = std::env::args().skip(1).find(|name| !name.starts_with('-'));
    let folder = tempfile::tempdir()?;
    let mut output = std::io::stdout().lock();
    for case in CASES {
        let is_wanted = |name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
        let obs_name = format!("{}-obs", case.name);
        if !is_wanted(case.name) && !is_wanted(&obs_name) {
            continue;
        }
        let media = Media::make(folder.path(), case.size)?;
        let mut contenders = vec![Contender::Worker, Contender::Ffmpeg];
        if obs::is_installed() {
            contenders.push(Contender::Obs);
        }
        let costs = measure(&case, &media, &contenders)?;
        for document in report::compare(&case, &costs) {
            writeln!(output, "{document}")?;
        }
    }
    Ok(())
}

/// What each contender needed in each of its turns.
fn measure(
    case: &Case,
    media: &Media,
    contenders: &[Contender],
) -> anyhow::Result<Vec<(Contender, Vec<Cost>)>> {
    let mut costs: Vec<_> = contenders
        .iter()
        .map(|contender| (*contender, Vec::new()))
        .collect();
    for run in 0..RUNS {
        for (contender, costs) in &mut costs {
            let folder = tempfile::tempdir()?;
            let cost = contender
                .run(case, media, folder.path())
                .with_context(|| format!("run {run} of {contender:?} in {}", case.name))?;
            costs.push(cost);
        }
    }
    Ok(costs)
}
