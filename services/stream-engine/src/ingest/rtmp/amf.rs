//! AMF0, the part of it that commands use.

use super::RtmpError;

/// Values in one message, and members of one object.
const VALUES_MAX: usize = 64;
/// Objects within objects.
const DEPTH_MAX: usize = 4;

mod marker {
    pub(super) const NUMBER: u8 = 0;
    pub(super) const BOOLEAN: u8 = 1;
    pub(super) const TEXT: u8 = 2;
    pub(super) const OBJECT: u8 = 3;
    pub(super) const NULL: u8 = 5;
    pub(super) const UNDEFINED: u8 = 6;
    pub(super) const ECMA_ARRAY: u8 = 8;
    pub(super) const OBJECT_END: u8 = 9;
    pub(super) const STRICT_ARRAY: u8 = 10;
    pub(super) const DATE: u8 = 11;
    pub(super) const LONG_TEXT: u8 = 12;
}

/// A value. Arrays and dates are read and lose what nobody here asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Boolean(bool),
    Text(String),
    Object(Vec<(String, Value)>),
    Null,
}

impl Value {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::Boolean(_) | Self::Object(_) | Self::Null => None,
        }
    }

    pub(super) const fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Boolean(_) | Self::Text(_) | Self::Object(_) | Self::Null => None,
        }
    }

    /// A member of an object.
    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value),
            Self::Number(_) | Self::Boolean(_) | Self::Text(_) | Self::Null => None,
        }
    }
}

/// Reads the values of a message.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Value>, RtmpError> {
    let mut rest = Rest(bytes);
    let mut values = Vec::new();
    while !rest.0.is_empty() {
        if values.len() >= VALUES_MAX {
            return Err(RtmpError::Command);
        }
        values.push(rest.value(0).ok_or(RtmpError::Command)?);
    }
    Ok(values)
}

/// The first value of a message where it is text, and how many bytes it takes.
pub(super) fn leading_text(bytes: &[u8]) -> Option<(String, usize)> {
    let mut rest = Rest(bytes);
    let Value::Text(text) = rest.value(0)? else {
        return None;
    };
    Some((text, bytes.len().saturating_sub(rest.0.len())))
}

/// Writes values.
pub(super) fn write(values: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in values {
        write_value(value, &mut bytes);
    }
    bytes
}

fn write_value(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Number(number) => {
            bytes.push(marker::NUMBER);
            bytes.extend(number.to_be_bytes());
        }
        Value::Boolean(is_true) => bytes.extend([marker::BOOLEAN, u8::from(*is_true)]),
        Value::Text(text) => {
            bytes.push(marker::TEXT);
            write_text(text, bytes);
        }
        Value::Object(members) => {
            bytes.push(marker::OBJECT);
            for (name, value) in members {
                write_text(name, bytes);
                write_value(value, bytes);
            }
            bytes.extend([0, 0, marker::OBJECT_END]);
        }
        Value::Null => bytes.push(marker::NULL),
    }
}

/// What is longer than a text may be is cut off.
fn write_text(text: &str, bytes: &mut Vec<u8>) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    bytes.extend(length.to_be_bytes());
    bytes.extend(text.bytes().take(length.into()));
}

/// What is left to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn short_text(&mut self) -> Option<String> {
        let length = u16::from_be_bytes(self.array()?);
        let text = self.take(length.into())?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEPTH_MAX {
            return None;
        }
        let [kind] = self.array()?;
        Some(match kind {
            marker::NUMBER => Value::Number(f64::from_be_bytes(self.array()?)),
            marker::BOOLEAN => Value::Boolean(self.array::<1>()? != [0]),
            marker::TEXT => Value::Text(self.short_text()?),
            marker::LONG_TEXT => {
                let length = u32::from_be_bytes(self.array()?);
                let text = self.take(usize::try_from(length).ok()?)?;
                Value::Text(String::from_utf8_lossy(text).into_owned())
            }
            marker::OBJECT => Value::Object(self.members(depth)?),
            marker::ECMA_ARRAY => {
                let _count: [u8; 4] = self.array()?;
                Value::Object(self.members(depth)?)
            }
            marker::STRICT_ARRAY => {
                let count = usize::try_from(u32::from_be_bytes(self.array()?)).ok()?;
                if count > VALUES_MAX {
                    return None;
                }
                for _ in 0..count {
                    self.value(depth + 1)?;
                }
                Value::Null
            }
            marker::DATE => {
                self.take(10)?;
                Value::Null
            }
            marker::NULL | marker::UNDEFINED => Value::Null,
            _ => return None,
        })
    }

    fn members(&mut self, depth: usize) -> Option<Vec<(String, Value)>> {
        let mut members = Vec::new();
        loop {
            let name = self.short_text()?;
            if name.is_empty() && self.0.first() == Some(&marker::OBJECT_END) {
                self.take(1)?;
                return Some(members);
            }
            if members.len() >= VALUES_MAX {
                return None;
            }
            members.push((name, self.value(depth + 1)?));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let values = [
            Value::text("connect"),
            Value::Number(1.0),
            Value::Object(vec![
                ("app".to_owned(), Value::text("live")),
                ("fpad".to_owned(), Value::Boolean(false)),
                ("more".to_owned(), Value::Object(Vec::new())),
            ]),
            Value::Null,
        ];
        assert_eq!(read(&write(&values)).unwrap(), values);
    }

    #[test]
    fn what_encoders_send_besides_is_passed_over() {
        // An ECMA array, a strict array of two numbers, a date, undefined and a long text.
        let mut bytes = vec![8, 0, 0, 0, 1, 0, 1, b'a', 1, 1, 0, 0, 9];
        bytes.extend([10, 0, 0, 0, 2]);
        bytes.extend([[0; 9], [0; 9]].concat());
        bytes.extend([[11].as_slice(), &[0; 10], &[6]].concat());
        bytes.extend([12, 0, 0, 0, 2, b'o', b'k']);
        let object = Value::Object(vec![("a".to_owned(), Value::Boolean(true))]);
        let expected = [
            object,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::text("ok"),
        ];
        assert_eq!(read(&bytes).unwrap(), expected);
    }

    #[test]
    fn garbage_is_refused() {
        let deep = [[3, 0, 1, b'a']; 6].concat();
        let endless = [5; 65];
        let cases: [&[u8]; 8] = [
            &[0, 1, 2],
            &[2, 0, 9, b'x'],
            &[3, 0, 1, b'a'],
            &[4],
            &[12, 255, 255, 255, 255, 0],
            &[10, 255, 255, 255, 255],
            &deep,
            &endless,
        ];
        for bytes in cases {
            assert_eq!(read(bytes), Err(RtmpError::Command), "{bytes:?}");
        }
    }
}
