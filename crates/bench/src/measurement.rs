use serde::{Deserialize, Serialize};

/// One benchmark's result. `ratio` is ours over the peer's, each the median of its runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Measurement {
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) ours: f64,
    pub(crate) peer: Option<f64>,
    pub(crate) peer_name: Option<String>,
    pub(crate) ratio: Option<f64>,
    pub(crate) goal: Option<f64>,
    pub(crate) runs: usize,
    /// Least and greatest of ours.
    pub(crate) spread: [f64; 2],
    pub(crate) note: String,
}

impl Measurement {
    /// Compares runs that were taken in turns.
    pub(crate) fn compare(
        name: &str,
        unit: &str,
        peer_name: &str,
        goal: f64,
        pairs: &[(f64, f64)],
    ) -> Self {
        let mut ours: Vec<f64> = pairs.iter().map(|(ours, _)| *ours).collect();
        let mut peer: Vec<f64> = pairs.iter().map(|(_, peer)| *peer).collect();
        let (ours_median, peer_median) = (median(&mut ours), median(&mut peer));
        Self {
            name: name.to_owned(),
            unit: unit.to_owned(),
            ours: ours_median,
            peer: Some(peer_median),
            peer_name: Some(peer_name.to_owned()),
            ratio: Some(ours_median / peer_median),
            goal: Some(goal),
            runs: pairs.len(),
            spread: [
                ours.first().copied().unwrap_or(f64::NAN),
                ours.last().copied().unwrap_or(f64::NAN),
            ],
            note: String::new(),
        }
    }

    /// Compares runs with a bound that is not to be exceeded.
    pub(crate) fn within(name: &str, unit: &str, bound: f64, values: &[f64]) -> Self {
        let pairs: Vec<(f64, f64)> = values.iter().map(|ours| (*ours, bound)).collect();
        Self::compare(name, unit, "bound", 1.0, &pairs)
    }

    /// The result as a line of the table.
    pub(crate) fn line(&self) -> String {
        let Self {
            name,
            unit,
            ours,
            peer,
            peer_name,
            ratio,
            goal,
            runs,
            spread,
            note,
        } = self;
        let number =
            |value: &Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.3}"));
        let [least, greatest] = spread;
        format!(
            "{name}: ours {ours:.3} {unit} ({least:.3}–{greatest:.3}, {runs} runs), {} {}, ratio {} (goal {}) {note}",
            peer_name.as_deref().unwrap_or("no peer"),
            number(peer),
            number(ratio),
            number(goal),
        )
    }
}

/// The median of `values`, which are sorted on the way; NaN when there are none.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    if values.len() % 2 == 1 {
        at(middle)
    } else {
        f64::midpoint(at(middle.wrapping_sub(1)), at(middle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_of_medians() {
        let pairs = [(3.0, 1.0), (1.0, 9.0), (2.0, 4.0)];
        let measurement = Measurement::compare("x", "s", "peer", 1.0, &pairs);
        assert_eq!(measurement.ratio, Some(0.5));
        assert_eq!(
            measurement.spread.map(f64::to_bits),
            [1.0, 3.0].map(f64::to_bits)
        );
    }
}
