use serde_json::{Value, json};

use crate::case::{Case, FFMPEG_GOAL};
use crate::contender::{Contender, Cost, SECONDS};

/// The worker against each of the others.
pub(crate) fn compare(case: &Case, costs: &[(Contender, Vec<Cost>)]) -> Vec<Value> {
    let of = |wanted: Contender| {
        costs
            .iter()
            .find(|(contender, _)| *contender == wanted)
            .map(|(_, costs)| costs.as_slice())
    };
    let ours = of(Contender::Worker).unwrap_or_default();
    let peers = [
        (case.name.to_owned(), Contender::Ffmpeg, FFMPEG_GOAL),
        (format!("{}-obs", case.name), Contender::Obs, case.obs_goal),
    ];
    let pairs = peers.into_iter().filter_map(|(name, peer, goal)| {
        let theirs = of(peer)?;
        Some(document(&name, (ours, theirs), peer.name(), goal))
    });
    pairs.collect()
}

fn document(name: &str, (ours, theirs): (&[Cost], &[Cost]), peer: &str, goal: f64) -> Value {
    let ratios: Vec<f64> = ours
        .iter()
        .zip(theirs)
        .map(|(ours, theirs)| ours / theirs)
        .collect();
    let (median_ours, median_theirs) = (median(ours), median(theirs));
    json!({
        "name": name,
        "unit": "cpu_s_per_stream_s",
        "ours": rounded(median_ours),
        "peer": rounded(median_theirs),
        "peer_name": peer,
        "ratio": rounded(median_ours / median_theirs),
        "goal": goal,
        "runs": ours.len(),
        "spread": [
            rounded(ratios.iter().copied().fold(f64::INFINITY, f64::min)),
            rounded(ratios.iter().copied().fold(0.0, f64::max)),
        ],
        "note": format!("medians of interleaved runs of {SECONDS} s; spread is of the ratios"),
    })
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
