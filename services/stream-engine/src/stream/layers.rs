//! How each layer does in the picture. Pure.

use std::collections::BTreeMap;

use sm_common::clock::Timestamp;
use sm_common::id::LayerId;
use sm_common::stream::{LayerState, LayerStatus};
use sm_media_protocol::LayerReport;

/// The layers in the picture, in no particular order.
#[derive(Clone, Debug, Default)]
pub(super) struct Layers {
    statuses: BTreeMap<LayerId, LayerStatus>,
}

impl Layers {
    /// What another process last saw.
    pub(super) fn inherit(statuses: &[LayerStatus]) -> Self {
        let statuses = statuses
            .iter()
            .map(|status| (status.layer, status.clone()))
            .collect();
        Self { statuses }
    }

    pub(super) fn list(&self) -> Vec<LayerStatus> {
        self.statuses.values().cloned().collect()
    }

    /// A picture of these layers was asked for. New ones are being loaded; with `anew` all are,
    /// because another worker shows them. Returns what is news.
    pub(super) fn expect(
        &mut self,
        layers: &[LayerId],
        anew: bool,
        now: Timestamp,
    ) -> Vec<LayerStatus> {
        self.statuses.retain(|layer, _| layers.contains(layer));
        let mut news = Vec::new();
        for layer in layers {
            let known = self.statuses.get(layer).map(|status| status.state);
            let loading = match known {
                None => true,
                Some(LayerState::Loading) => false,
                Some(LayerState::Ok | LayerState::Failing) => anew,
            };
            if loading {
                let status = LayerStatus {
                    layer: *layer,
                    state: LayerState::Loading,
                    code: None,
                    reason: None,
                    attempts: None,
                    next_attempt_at: None,
                    playback: None,
                    since: now,
                };
                self.statuses.insert(*layer, status.clone());
                news.push(status);
            }
        }
        news
    }

    /// The worker reported on a layer. Returns the new status where it is news.
    pub(super) fn heard(&mut self, report: LayerReport, now: Timestamp) -> Option<LayerStatus> {
        let LayerReport {
            layer,
            state,
            code,
            reason,
            attempts,
            next_attempt_at,
            playback,
        } = report;
        let known = self.statuses.get_mut(&layer)?;
        if known.state == state
            && known.code == code
            && known.reason == reason
            && known.next_attempt_at == next_attempt_at
            && known.playback == playback
        {
            return None;
        }
        let since = if known.state == state {
            known.since
        } else {
            now
        };
        *known = LayerStatus {
            layer,
            state,
            code,
            reason,
            attempts,
            next_attempt_at,
            playback,
            since,
        };
        Some(known.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(layer: LayerId, state: LayerState, code: Option<&str>) -> LayerReport {
        LayerReport {
            layer,
            state,
            code: code.map(str::to_owned),
            reason: None,
            attempts: None,
            next_attempt_at: None,
            playback: None,
        }
    }

    #[test]
    fn only_what_changes_is_news() {
        let at = Timestamp::from_unix_millis;
        let (a, b) = (LayerId::generate(), LayerId::generate());
        let mut layers = Layers::default();
        assert_eq!(layers.expect(&[a, b], false, at(1)).len(), 2);
        assert!(layers.expect(&[a, b], false, at(2)).is_empty());
        assert!(
            layers
                .heard(report(a, LayerState::Ok, None), at(3))
                .is_some()
        );
        assert!(
            layers
                .heard(report(a, LayerState::Ok, None), at(4))
                .is_none()
        );
        let failing = layers.heard(report(b, LayerState::Failing, Some("x")), at(5));
        assert_eq!(failing.unwrap().since, at(5));
        let other = layers.heard(report(b, LayerState::Failing, Some("y")), at(6));
        assert_eq!(other.unwrap().since, at(5), "it fails since then");
        assert_eq!(
            layers.expect(&[a, b], true, at(7)).len(),
            2,
            "another worker"
        );
        assert!(layers.expect(&[b], false, at(8)).is_empty());
        assert_eq!(layers.list().len(), 1);
        assert!(
            layers
                .heard(report(a, LayerState::Ok, None), at(9))
                .is_none()
        );
    }
}
