//! What readers of JSON let pass and should not: names that stand twice in an object, of which each
//! reader may believe another one, and nesting without an end.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use sm_common::problem::FieldError;

use crate::body::field::escape;

/// What is wrong with a document that may well be JSON, by JSON Pointer. A document that is no JSON
/// is for its reader to refuse.
pub(super) fn fault(body: &[u8], depth_max: usize) -> Option<FieldError> {
    let mut walk = Walk {
        depth_max,
        path: Vec::new(),
        fault: None,
    };
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    // Why it ended is in the walk.
    let _ = Step(&mut walk).deserialize(&mut deserializer);
    walk.fault
}

struct Walk {
    depth_max: usize,
    path: Vec<String>,
    fault: Option<FieldError>,
}

impl Walk {
    fn refuse<E: Error>(&mut self, detail: String) -> E {
        let pointer = self.path.iter().fold(String::new(), |mut pointer, name| {
            pointer.push('/');
            pointer.push_str(name);
            pointer
        });
        self.fault = Some(FieldError::new(pointer, detail));
        E::custom("refused")
    }

    /// Goes into an object or a list.
    fn descend<E: Error>(&mut self) -> Result<(), E> {
        if self.path.len() >= self.depth_max {
            let detail = format!("is nested deeper than {} levels", self.depth_max);
            return Err(self.refuse(detail));
        }
        Ok(())
    }
}

struct Step<'a>(&'a mut Walk);

impl<'de> DeserializeSeed<'de> for Step<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Step<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.0.descend()?;
        let mut index: usize = 0;
        loop {
            self.0.path.push(index.to_string());
            let more = list.next_element_seed(Step(self.0))?;
            self.0.path.pop();
            if more.is_none() {
                return Ok(());
            }
            index = index.saturating_add(1);
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        self.0.descend()?;
        let mut seen = HashSet::new();
        while let Some(name) = object.next_key::<String>()? {
            self.0.path.push(escape(&name));
            if !seen.insert(name) {
                return Err(self.0.refuse("stands twice in its object".to_owned()));
            }
            object.next_value_seed(Step(self.0))?;
            self.0.path.pop();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(body: &str) -> Option<(String, String)> {
        fault(body.as_bytes(), 3).map(|FieldError { pointer, detail }| (pointer, detail))
    }

    #[test]
    fn a_name_that_stands_twice_is_found_wherever_it_is() {
        for sound in [
            "{}",
            r#"{"a":{"a":1},"b":[{"a":1},{"a":2}]}"#,
            "[1,-2,0.5,null,true,\"a\"]",
            "no JSON",
            r#"{"a":"#,
        ] {
            assert_eq!(found(sound), None, "{sound}");
        }
        let twice = "stands twice in its object".to_owned();
        let cases = [
            (r#"{"a":1,"b":2,"a":1}"#, "/a"),
            (r#"{"x":[0,{"a/b":1,"a\u002fb":2}]}"#, "/x/1/a~1b"),
        ];
        for (body, pointer) in cases {
            assert_eq!(found(body), Some((pointer.to_owned(), twice.clone())));
        }
    }

    #[test]
    fn nesting_has_an_end() {
        assert_eq!(found("[[[1]]]"), None);
        let deep = "is nested deeper than 3 levels".to_owned();
        assert_eq!(
            found("[[[[1]]]]"),
            Some(("/0/0/0".to_owned(), deep.clone()))
        );
        assert_eq!(
            found(r#"{"a":[{"b":{}}]}"#),
            Some(("/a/0/b".to_owned(), deep))
        );
        assert!(fault("[".repeat(100_000).as_bytes(), 64).is_some());
    }
}
