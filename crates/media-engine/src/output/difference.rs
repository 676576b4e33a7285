use std::collections::BTreeSet;

use sm_common::id::OutputId;
use sm_media_protocol::WantedOutput;

/// What to do with outputs so that they are the wanted ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// Outputs to end: they are gone, or go elsewhere, or begin anew.
    pub(super) end: Vec<OutputId>,
    /// Outputs to begin, after those that end.
    pub(super) begin: Vec<OutputId>,
}

/// Outputs that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("output {0} is wanted twice")]
pub(crate) struct DuplicateOutput(pub(crate) OutputId);

/// The difference between the outputs that run and the wanted ones. Those that did not change are
/// in no list.
pub(super) fn difference<'a>(
    actual: impl IntoIterator<Item = &'a WantedOutput>,
    wanted: &[WantedOutput],
) -> Result<Difference, DuplicateOutput> {
    let mut seen = BTreeSet::new();
    if let Some(twice) = wanted.iter().find(|output| !seen.insert(&output.id)) {
        return Err(DuplicateOutput(twice.id.clone()));
    }
    let actual: Vec<&WantedOutput> = actual.into_iter().collect();
    Ok(Difference {
        end: actual
            .iter()
            .filter(|output| !wanted.iter().any(|wanted| goes_on(output, wanted)))
            .map(|output| output.id.clone())
            .collect(),
        begin: wanted
            .iter()
            .filter(|output| !actual.iter().any(|actual| goes_on(actual, output)))
            .map(|output| output.id.clone())
            .collect(),
    })
}

/// Whether an output that runs becomes the wanted one without a new beginning.
fn goes_on(actual: &WantedOutput, wanted: &WantedOutput) -> bool {
    let begins_with = |output: &WantedOutput| (output.id.clone(), output.generation);
    begins_with(actual) == begins_with(wanted) && actual.target == wanted.target
}

#[cfg(test)]
mod tests {
    use sm_common::output::{Adaptive, FileTarget, OutputTarget, RtmpTarget};

    use super::*;

    fn file() -> WantedOutput {
        WantedOutput {
            id: OutputId::generate(),
            target: OutputTarget::File(FileTarget::default()),
            adaptive: Adaptive::default(),
            generation: 1,
        }
    }

    fn rtmp(url: &str) -> OutputTarget {
        OutputTarget::Rtmp(RtmpTarget {
            url: url.to_owned(),
            key: None,
        })
    }

    #[test]
    fn what_did_not_change_goes_on_in_any_order() {
        let (a, b) = (file(), file());
        let running = [a.clone(), b.clone()];
        assert_eq!(difference(&running, &[b, a]), Ok(Difference::default()));
    }

    #[test]
    fn new_and_gone_outputs_begin_and_end() {
        let (old, new) = (file(), file());
        let difference = difference([&old], std::slice::from_ref(&new)).unwrap();
        assert_eq!(
            (difference.end, difference.begin),
            (vec![old.id], vec![new.id])
        );
    }

    #[test]
    fn another_target_or_generation_begins_anew_alone() {
        let (stays, before) = (file(), file());
        let mut elsewhere = before.clone();
        elsewhere.target = rtmp("rtmp://a/b");
        let mut again = before.clone();
        again.generation += 1;
        for after in [elsewhere, again] {
            let wanted = [stays.clone(), after];
            let difference = difference([&stays, &before], &wanted).unwrap();
            assert_eq!(difference.end, std::slice::from_ref(&before.id));
            assert_eq!(difference.begin, std::slice::from_ref(&before.id));
        }
    }

    #[test]
    fn how_an_output_adapts_is_changed_while_it_runs() {
        let before = file();
        let mut after = before.clone();
        after.adaptive.enabled = true;
        assert_eq!(difference([&before], &[after]), Ok(Difference::default()));
    }

    #[test]
    fn an_output_twice_is_refused() {
        let output = file();
        let twice = [output.clone(), output.clone()];
        assert_eq!(difference([], &twice), Err(DuplicateOutput(output.id)));
    }
}
