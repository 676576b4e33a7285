//! A gradient, read from the members of its source.

use serde_json::Value;
use sm_common::layer::{GradientShape, GradientSource, GradientStop};

use super::fault::{Fault, Faults};
use super::field::{Members, integer, parsed};

/// Fewest and most stops.
const STOPS: (usize, usize) = (2, 16);
/// Where a stop may be, in percent.
const OFFSET: (i64, i64) = (0, 100);
/// Largest angle, in degrees.
const ANGLE_MAX: i64 = 359;

/// Reads the members of a gradient's source.
pub(crate) fn read(fields: &mut Members<'_>, faults: &mut Faults) -> Option<GradientSource> {
    let stops = fields.required("stops", faults, |value| Ok(value.clone()));
    let stops = stops.and_then(|value| read_stops(&value, &fields.pointer_to("stops"), faults));
    let shape = fields.or("shape", GradientShape::default(), faults, parsed);
    let angle = fields.or("angle", 0, faults, integer(0, ANGLE_MAX));
    Some(GradientSource {
        stops: stops?,
        angle: angle?,
        shape: shape?,
    })
}

fn read_stops(value: &Value, pointer: &str, faults: &mut Faults) -> Option<Vec<GradientStop>> {
    let (fewest, most) = STOPS;
    let Some(values) = value.as_array() else {
        faults.note(pointer, Fault::Shape("must be a list of stops".to_owned()));
        return None;
    };
    if !(fewest..=most).contains(&values.len()) {
        faults.value(pointer, format!("must have {fewest} to {most} stops"));
        return None;
    }
    let mut stops: Vec<GradientStop> = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        let pointer = format!("{pointer}/{index}");
        let Some(stop) = read_stop(value, &pointer, faults) else {
            continue;
        };
        if stops.last().is_some_and(|last| last.offset > stop.offset) {
            faults.value(
                format!("{pointer}/offset"),
                "must not be less than that of the stop before",
            );
        }
        stops.push(stop);
    }
    (stops.len() == values.len()).then_some(stops)
}

fn read_stop(value: &Value, pointer: &str, faults: &mut Faults) -> Option<GradientStop> {
    let (first, last) = OFFSET;
    let mut fields = Members::of(value, pointer, faults)?;
    let offset = fields.required("offset", faults, integer(first, last));
    let color = fields.required("color", faults, parsed);
    fields.finish(faults);
    offset
        .zip(color)
        .map(|(offset, color)| GradientStop { offset, color })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(source: &Value) -> Vec<String> {
        let mut faults = Faults::default();
        let mut fields = Members::of(source, "/source", &mut faults).unwrap();
        read(&mut fields, &mut faults);
        fields.finish(&mut faults);
        let errors = faults.into_errors().into_iter();
        errors.map(|error| error.pointer).collect()
    }

    #[test]
    fn every_wrong_member_is_named() {
        let source = json!({"angle": 360, "radial": true, "shape": "round", "stops": [
            {"offset": 50, "color": "#000000"}, {"offset": 101, "color": "red"},
            {"offset": 40, "color": "#ffffff"}, {"color": "#ffffff"}, 7]});
        assert_eq!(
            faults(&source),
            [
                "/source/stops/1/offset",
                "/source/stops/1/color",
                "/source/stops/2/offset",
                "/source/stops/3/offset",
                "/source/stops/4",
                "/source/shape",
                "/source/angle",
                "/source/radial",
            ]
        );
    }

    #[test]
    fn stops_are_two_to_sixteen() {
        let stop = json!({"offset": 0, "color": "#000000"});
        for (count, wrong) in [(1, true), (2, false), (16, false), (17, true)] {
            let source = json!({"stops": vec![stop.clone(); count]});
            let expected: &[&str] = if wrong { &["/source/stops"] } else { &[] };
            assert_eq!(faults(&source), expected, "{count}");
        }
        assert_eq!(faults(&json!({})), ["/source/stops"]);
    }
}
