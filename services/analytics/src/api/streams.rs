use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};
use sm_common::id::{ParseIdError, StreamId};

/// Streams as a query names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Streams {
    /// Every stream there is.
    Every,
    /// These, each once.
    These(Vec<StreamId>),
}

impl Default for Streams {
    fn default() -> Self {
        Self::These(vec![StreamId::default()])
    }
}

impl FromStr for Streams {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" {
            return Ok(Self::Every);
        }
        let mut streams = Vec::new();
        for name in text.split(',') {
            let stream: StreamId = name.trim().parse()?;
            if !streams.contains(&stream) {
                streams.push(stream);
            }
        }
        Ok(Self::These(streams))
    }
}

impl<'de> Deserialize<'de> for Streams {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_named_or_all() {
        let stream = |name: &str| name.parse::<StreamId>().unwrap();
        assert_eq!("*".parse(), Ok(Streams::Every));
        assert_eq!(
            "main, studio,main".parse(),
            Ok(Streams::These(vec![stream("main"), stream("studio")]))
        );
        for bad in ["", "main,", "No Slug", "*,main"] {
            assert!(bad.parse::<Streams>().is_err(), "{bad}");
        }
    }
}
