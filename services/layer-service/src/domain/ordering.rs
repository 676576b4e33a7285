//! The order of the layers of a scene, from the back of the picture to the front, and of the
//! scenes of a stream.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::Value;
use sm_common::id::LayerId;
use sm_common::layer::Layer;

use super::fault::Faults;
use super::field::parsed;

/// What is ordered: one of them, and what it is a part of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noun {
    one: &'static str,
    whole: &'static str,
}

/// The layers of a scene.
pub(crate) const LAYERS: Noun = Noun {
    one: "layer",
    whole: "scene",
};
/// The scenes of a stream.
pub(crate) const SCENES: Noun = Noun {
    one: "scene",
    whole: "stream",
};

/// Reads a wanted order, which must name each of `known` exactly once.
pub(crate) fn read<T: DeserializeOwned + Copy + Ord>(
    order: &Value,
    pointer: &str,
    known: &[T],
    Noun { one, whole }: Noun,
    faults: &mut Faults,
) -> Option<Vec<T>> {
    let Some(items) = order.as_array() else {
        faults.shape(pointer, format!("must be a list of {one} identifiers"));
        return None;
    };
    let known: BTreeSet<T> = known.iter().copied().collect();
    let mut wanted = Vec::with_capacity(items.len());
    let mut named = BTreeSet::new();
    let mut faultless = true;
    for (index, item) in items.iter().enumerate() {
        let pointer = format!("{pointer}/{index}");
        match parsed::<T>(item) {
            Ok(id) if !known.contains(&id) => {
                faults.value(pointer, format!("is no {one} of this {whole}"));
            }
            Ok(id) if !named.insert(id) => faults.value(pointer, "is named twice"),
            Ok(id) => {
                wanted.push(id);
                continue;
            }
            Err(fault) => faults.note(pointer, fault),
        }
        faultless = false;
    }
    let missing = known.difference(&named).count();
    if faultless && missing > 0 {
        faults.value(
            pointer,
            format!(
                "must name each of the {} {one}s; {missing} missing",
                known.len()
            ),
        );
    }
    (faultless && missing == 0).then_some(wanted)
}

/// An order in which the layers of each group lie next to each other, where the hindmost of them is.
pub(crate) fn together<G: PartialEq>(
    order: &[LayerId],
    group_of: impl Fn(LayerId) -> Option<G>,
) -> Vec<LayerId> {
    let mut arranged: Vec<LayerId> = Vec::with_capacity(order.len());
    for id in order {
        let group = group_of(*id);
        let beside = group.and_then(|group| {
            let mut others = arranged.iter();
            others.rposition(|other| group_of(*other).as_ref() == Some(&group))
        });
        let place = beside.map_or(arranged.len(), |place| place.saturating_add(1));
        arranged.insert(place, *id);
    }
    arranged
}

/// Puts `layers` into the order that `wanted` gives.
pub(crate) fn arrange(layers: Vec<Layer>, wanted: &[LayerId]) -> Vec<Layer> {
    let places: BTreeMap<LayerId, usize> = wanted.iter().copied().zip(0..).collect();
    let mut layers = layers;
    // Stable, and a layer that is not named (there is none after `read`) goes to the front.
    layers.sort_by_key(|layer| places.get(&layer.id).copied().unwrap_or(usize::MAX));
    layers
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::subsequence;
    use serde_json::json;

    use super::super::samples::layer;
    use super::*;

    fn ids(layers: &[Layer]) -> Vec<LayerId> {
        layers.iter().map(|layer| layer.id).collect()
    }

    #[test]
    fn each_fault_of_an_order_is_named() {
        let layers = [layer("a"), layer("b"), layer("c")];
        let [a, b, _] = [layers[0].id, layers[1].id, layers[2].id];
        let stranger = LayerId::generate();
        let mut faults = Faults::default();
        let order = json!([a, b, a, stranger, "front", 7]);
        assert_eq!(
            read(&order, "/order", &ids(&layers), LAYERS, &mut faults),
            None
        );
        let pointers: Vec<&str> = faults.errors().iter().map(|e| e.pointer.as_str()).collect();
        assert_eq!(pointers, ["/order/2", "/order/3", "/order/4", "/order/5"]);
        for short in [json!([a, b]), json!([]), json!({"first": a}), json!("abc")] {
            let mut faults = Faults::default();
            assert_eq!(
                read(&short, "/order", &ids(&layers), LAYERS, &mut faults),
                None,
                "{short}"
            );
            assert_eq!(faults.errors()[0].pointer, "/order");
        }
    }

    proptest! {
        #[test]
        fn every_permutation_is_taken_and_becomes_the_order(
            (layers, wanted) in (0_usize..12)
                .prop_map(|count| (0..count).map(|i| layer(&i.to_string())).collect::<Vec<_>>())
                .prop_flat_map(|layers| (Just(layers.clone()), Just(ids(&layers)).prop_shuffle()))
        ) {
            let mut faults = Faults::default();
            let read = read(&json!(wanted), "/order", &ids(&layers), LAYERS, &mut faults);
            prop_assert_eq!(read.as_deref(), Some(wanted.as_slice()));
            prop_assert_eq!(ids(&arrange(layers, &wanted)), wanted);
        }

        #[test]
        fn whatever_leaves_a_layer_out_is_refused(
            (layers, kept) in (1_usize..12)
                .prop_map(|count| (0..count).map(|i| layer(&i.to_string())).collect::<Vec<_>>())
                .prop_flat_map(|layers| {
                    let count = layers.len();
                    (Just(layers.clone()), subsequence(ids(&layers), 0..count))
                })
        ) {
            let mut faults = Faults::default();
            prop_assert!(read(&json!(kept), "", &ids(&layers), LAYERS, &mut faults).is_none());
            prop_assert!(!faults.is_empty());
        }
    }
}
