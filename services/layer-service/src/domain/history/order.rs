//! Takes back another order by pairs of layers: whatever else has moved since stays where it is.

use std::collections::BTreeMap;

use sm_common::id::LayerId;

use super::Orders;

/// Puts `current` into the order in which each pair that the step turned is as it was before, and
/// every other pair as it is now. `None` when there is no such order, or when some of those pairs
/// have been turned again by others.
pub(super) fn turn_back(current: &[LayerId], step: &Orders) -> Option<Vec<LayerId>> {
    let (before, after) = (places(&step.before), places(&step.after));
    let known: Vec<(LayerId, Option<(usize, usize)>)> = current
        .iter()
        .map(|id| (*id, before.get(id).copied().zip(after.get(id).copied())))
        .collect();
    // How many layers are to be behind each.
    let mut behind: Vec<usize> = (0..current.len()).collect();
    let (mut turned, mut turned_again) = (0_usize, 0_usize);
    for (front, (_, place)) in known.iter().enumerate() {
        for (back, (_, other)) in known.iter().enumerate().take(front) {
            let (Some(place), Some(other)) = (place, other) else {
                continue;
            };
            let was_behind = other.0 < place.0;
            let became_behind = other.1 < place.1;
            if was_behind == became_behind {
                continue;
            }
            if was_behind {
                turned_again = turned_again.saturating_add(1);
                continue;
            }
            turned = turned.saturating_add(1);
            if let Some(count) = behind.get_mut(front) {
                *count = count.saturating_sub(1);
            }
            if let Some(count) = behind.get_mut(back) {
                *count = count.saturating_add(1);
            }
        }
    }
    if turned > 0 && turned_again > 0 {
        return None;
    }
    let mut order: Vec<(usize, LayerId)> =
        behind.into_iter().zip(current.iter().copied()).collect();
    order.sort_by_key(|(behind, _)| *behind);
    // In an order that holds for every pair, each number of layers behind one occurs once.
    let holds = order
        .iter()
        .enumerate()
        .all(|(place, (behind, _))| *behind == place);
    holds.then(|| order.into_iter().map(|(_, id)| id).collect())
}

/// Where a layer comes back: in front of the nearest layer that was behind it and still is there.
pub(super) fn place_of(layer: LayerId, before: &[LayerId], current: &[LayerId]) -> usize {
    let behind = before.iter().take_while(|id| **id != layer);
    let behind: Vec<&LayerId> = behind.collect();
    let anchors = behind.into_iter().rev();
    let mut places = anchors.filter_map(|id| current.iter().position(|known| known == id));
    places.next().map_or(0, |place| place.saturating_add(1))
}

fn places(order: &[LayerId]) -> BTreeMap<LayerId, usize> {
    order.iter().copied().zip(0..).collect()
}
