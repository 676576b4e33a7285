//! What is wrong with a body.

use sm_common::problem::FieldError;

/// Faults listed in one answer at most; a body made of mistakes must not be answered with a
/// larger one.
const FAULTS_MAX: usize = 100;

/// Every wrong field of a request, by JSON Pointer.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    misshapen: bool,
    errors: Vec<FieldError>,
}

impl Faults {
    /// Notes a field of the wrong JSON type, a missing or an unknown one: the body is not of the
    /// expected shape.
    pub fn shape(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.misshapen = true;
        self.push(pointer.into(), detail.into());
    }

    /// Notes a field of the right type whose value is not acceptable; `detail` names the bound.
    pub fn value(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.push(pointer.into(), detail.into());
    }

    /// Notes what is wrong with the field at `pointer`.
    pub fn note(&mut self, pointer: impl Into<String>, fault: Fault) {
        match fault {
            Fault::Shape(detail) => self.shape(pointer, detail),
            Fault::Value(detail) => self.value(pointer, detail),
        }
    }

    /// Notes what was found wrong with another part of the body.
    pub fn append(&mut self, others: Self) {
        self.misshapen |= others.misshapen;
        for FieldError { pointer, detail } in others.errors {
            self.push(pointer, detail);
        }
    }

    /// Whether nothing is wrong.
    pub const fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// Whether any field is of the wrong shape, rather than out of bounds alone.
    pub const fn is_misshapen(&self) -> bool {
        self.misshapen
    }

    /// The wrong fields.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// The wrong fields, for an answer.
    pub fn into_errors(self) -> Vec<FieldError> {
        self.errors
    }

    fn push(&mut self, pointer: String, detail: String) {
        if self.errors.len() < FAULTS_MAX {
            self.errors.push(FieldError::new(pointer, detail));
        }
    }
}

/// What is wrong with one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Of another JSON type than wanted.
    Shape(String),
    /// Of the right type, and not acceptable.
    Value(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_bounded_and_the_verdict_is_not() {
        let mut faults = Faults::default();
        for index in 0..1_000 {
            faults.value(format!("/{index}"), "too large");
        }
        faults.shape("/last", "must be a number");
        assert_eq!(faults.errors().len(), FAULTS_MAX);
        assert!(faults.is_misshapen());
    }
}
