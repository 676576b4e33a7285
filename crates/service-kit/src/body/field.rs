//! Reads the members of a JSON object one by one and notes every fault, where a derived reader
//! would stop at the first.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::fault::{Fault, Faults};

/// The members of an object at a place in the body. Null stands for an absent member, as a merge
/// patch has it.
#[derive(Debug)]
pub struct Members<'a> {
    pointer: String,
    object: &'a Map<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> Members<'a> {
    /// The members of `value`, which must be an object.
    pub fn of(value: &'a Value, pointer: &str, faults: &mut Faults) -> Option<Self> {
        let Some(object) = value.as_object() else {
            faults.shape(pointer, "must be an object");
            return None;
        };
        Some(Self {
            pointer: pointer.to_owned(),
            object,
            known: Vec::new(),
        })
    }

    /// Where a member is in the body.
    pub fn pointer_to(&self, name: &str) -> String {
        format!("{}/{}", self.pointer, escape(name))
    }

    /// A member as it stands; `None` when absent.
    pub fn raw(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// Whether a member is there, and null.
    pub fn is_null(&mut self, name: &'static str) -> bool {
        self.known.push(name);
        self.object.get(name).is_some_and(Value::is_null)
    }

    /// Whether a member is there, and text.
    pub fn has_text(&self, name: &str) -> bool {
        self.object.get(name).is_some_and(Value::is_string)
    }

    /// A member that must be there; `None` when it is not, or faulty.
    pub fn required<T>(
        &mut self,
        name: &'static str,
        faults: &mut Faults,
        read: impl FnOnce(&Value) -> Result<T, Fault>,
    ) -> Option<T> {
        let Some(value) = self.raw(name) else {
            faults.shape(self.pointer_to(name), "is required");
            return None;
        };
        self.noted(name, faults, read(value))
    }

    /// A member, or `otherwise` when it is absent; `None` when it is faulty.
    pub fn or<T>(
        &mut self,
        name: &'static str,
        otherwise: T,
        faults: &mut Faults,
        read: impl FnOnce(&Value) -> Result<T, Fault>,
    ) -> Option<T> {
        match self.raw(name) {
            Some(value) => self.noted(name, faults, read(value)),
            None => Some(otherwise),
        }
    }

    /// Refuses every member that nobody has asked for.
    pub fn finish(self, faults: &mut Faults) {
        for name in self.object.keys() {
            if !self.known.contains(&name.as_str()) {
                let known = self.known.join(", ");
                faults.shape(
                    self.pointer_to(name),
                    format!("is not known; known are {known}"),
                );
            }
        }
    }

    fn noted<T>(&self, name: &str, faults: &mut Faults, read: Result<T, Fault>) -> Option<T> {
        read.map_err(|fault| faults.note(self.pointer_to(name), fault))
            .ok()
    }
}

/// A member's name as part of a JSON Pointer (RFC 6901).
pub fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Text of `min` to `max` characters. Line breaks and tabs only where `multiline`; no other
/// control character, because fonts have no glyph and C strings no room for them.
pub fn text(
    min: usize,
    max: usize,
    multiline: bool,
) -> impl FnOnce(&Value) -> Result<String, Fault> {
    move |value| {
        let text = string(value)?;
        if !(min..=max).contains(&text.chars().count()) {
            return Err(Fault::Value(format!("must have {min} to {max} characters")));
        }
        let allowed = |c: char| !c.is_control() || (multiline && matches!(c, '\n' | '\r' | '\t'));
        if !text.chars().all(allowed) {
            return Err(Fault::Value(
                "must not contain control characters".to_owned(),
            ));
        }
        Ok(text.to_owned())
    }
}

/// A whole number from `min` to `max`.
pub fn integer<T: TryFrom<i64>>(min: i64, max: i64) -> impl FnOnce(&Value) -> Result<T, Fault> {
    move |value| {
        let number = finite(value)?;
        let bound = || Fault::Value(format!("must be a whole number from {min} to {max}"));
        let whole = value.as_i64().or_else(|| whole(number));
        let within = whole.filter(|number| (min..=max).contains(number));
        within
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(bound)
    }
}

/// A number from `min` to `max`.
pub fn number(min: f64, max: f64) -> impl FnOnce(&Value) -> Result<f64, Fault> {
    move |value| {
        let number = finite(value)?;
        if (min..=max).contains(&number) {
            Ok(number)
        } else {
            Err(Fault::Value(format!("must be from {min} to {max}")))
        }
    }
}

/// True or false.
pub fn boolean(value: &Value) -> Result<bool, Fault> {
    value
        .as_bool()
        .ok_or_else(|| Fault::Shape("must be true or false".to_owned()))
}

/// A string that is read as a `T`: a colour, an identifier, one of a few names.
pub fn parsed<T: DeserializeOwned>(value: &Value) -> Result<T, Fault> {
    string(value)?;
    T::deserialize(value).map_err(|error| Fault::Value(error.to_string()))
}

fn string(value: &Value) -> Result<&str, Fault> {
    value
        .as_str()
        .ok_or_else(|| Fault::Shape("must be a string".to_owned()))
}

fn finite(value: &Value) -> Result<f64, Fault> {
    let number = value
        .as_f64()
        .ok_or_else(|| Fault::Shape("must be a number".to_owned()))?;
    if number.is_finite() {
        Ok(number)
    } else {
        Err(Fault::Value("must be finite".to_owned()))
    }
}

/// `12.0` is the whole number 12, as JSON has but one kind of number.
fn whole(number: f64) -> Option<i64> {
    if number.fract() != 0.0 {
        return None;
    }
    format!("{number:.0}").parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sm_common::layer::{Color, Pattern};

    use super::*;

    #[test]
    fn whole_numbers_are_read_however_they_are_written() {
        let read = |value: Value| integer::<i32>(-5, 300)(&value);
        assert_eq!(read(json!(-5)), Ok(-5));
        assert_eq!(read(json!(300.0)), Ok(300));
        assert_eq!(read(json!(3e2)), Ok(300));
        for bad in [
            json!(-6),
            json!(301),
            json!(1.5),
            json!(1e308),
            json!(u64::MAX),
        ] {
            assert!(matches!(read(bad.clone()), Err(Fault::Value(_))), "{bad}");
        }
        for bad in [json!("1"), json!(true), json!([1]), json!({})] {
            assert!(matches!(read(bad.clone()), Err(Fault::Shape(_))), "{bad}");
        }
    }

    #[test]
    fn text_is_counted_in_characters_and_has_no_control_characters() {
        assert!(text(1, 3, false)(&json!("äöü")).is_ok());
        assert!(text(1, 3, false)(&json!("")).is_err());
        assert!(text(1, 3, false)(&json!("abcd")).is_err());
        assert!(text(1, 3, false)(&json!("a\nb")).is_err());
        assert!(text(1, 3, true)(&json!("a\nb")).is_ok());
        assert!(text(1, 3, true)(&json!("a\0b")).is_err());
    }

    #[test]
    fn a_name_that_is_not_on_the_list_is_answered_with_the_list() {
        let Err(Fault::Value(detail)) = parsed::<Pattern>(&json!("plaid")) else {
            panic!("refused");
        };
        assert!(detail.contains("smpte"), "{detail}");
        assert!(matches!(
            parsed::<Color>(&json!("red")),
            Err(Fault::Value(_))
        ));
        assert!(matches!(parsed::<Color>(&json!(7)), Err(Fault::Shape(_))));
    }

    #[test]
    fn unknown_members_are_named_even_when_they_are_null() {
        let body = json!({"a": 1, "b/c": null});
        let mut faults = Faults::default();
        let mut members = Members::of(&body, "/x", &mut faults).unwrap();
        assert!(members.raw("a").is_some());
        members.finish(&mut faults);
        assert_eq!(faults.errors()[0].pointer, "/x/b~1c");
    }
}
