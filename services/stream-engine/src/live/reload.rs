//! Delivery directives: what a player asks of the playlist in its query.

use actix_web::web::Query;
use serde::Deserialize;

use super::playlist::Wanted;

/// What a player asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Directives {
    /// To be answered only once the playlist holds this.
    pub(crate) wanted: Option<Wanted>,
    /// That segments it knows be left out.
    pub(crate) delta: bool,
}

/// The directives contradict the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotDirectives {
    #[error("_HLS_msn and _HLS_part are whole numbers")]
    Unreadable,
    #[error("_HLS_part needs _HLS_msn")]
    PartOfNothing,
}

#[derive(Debug, Deserialize)]
struct Given {
    #[serde(rename = "_HLS_msn")]
    msn: Option<u64>,
    #[serde(rename = "_HLS_part")]
    part: Option<u64>,
    #[serde(rename = "_HLS_skip")]
    skip: Option<String>,
}

impl Directives {
    /// Reads a query; parameters of others are passed over.
    pub(crate) fn read(query: &str) -> Result<Self, NotDirectives> {
        let Query(Given { msn, part, skip }) =
            Query::from_query(query).map_err(|_unreadable| NotDirectives::Unreadable)?;
        let wanted = match (msn, part) {
            (Some(segment), part) => Some(Wanted { segment, part }),
            (None, None) => None,
            (None, Some(_)) => return Err(NotDirectives::PartOfNothing),
        };
        // There are no date ranges, so both ways to ask mean the same.
        let delta = matches!(skip.as_deref(), Some("YES" | "v2"));
        Ok(Self { wanted, delta })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_read_among_other_parameters() {
        let given = |wanted: Option<(u64, Option<u64>)>, delta| {
            let wanted = wanted.map(|(segment, part)| Wanted { segment, part });
            Ok(Directives { wanted, delta })
        };
        let cases = [
            ("", given(None, false)),
            ("expires=1&signature=x", given(None, false)),
            ("_HLS_msn=7", given(Some((7, None)), false)),
            (
                "signature=x&_HLS_msn=7&_HLS_part=0",
                given(Some((7, Some(0))), false),
            ),
            ("_HLS_skip=YES", given(None, true)),
            ("_HLS_msn=7&_HLS_skip=v2", given(Some((7, None)), true)),
            ("_HLS_skip=NO", given(None, false)),
            ("_HLS_part=1", Err(NotDirectives::PartOfNothing)),
            ("_HLS_msn=", Err(NotDirectives::Unreadable)),
            ("_HLS_msn=-1", Err(NotDirectives::Unreadable)),
            ("_HLS_msn=1&_HLS_part=x", Err(NotDirectives::Unreadable)),
            ("_HLS_msn=1&_HLS_msn=2", Err(NotDirectives::Unreadable)),
            (
                "_HLS_msn=99999999999999999999",
                Err(NotDirectives::Unreadable),
            ),
        ];
        for (query, expected) in cases {
            assert_eq!(Directives::read(query), expected, "{query}");
        }
    }
}
