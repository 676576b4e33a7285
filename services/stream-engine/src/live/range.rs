//! The `Range` header, as far as players use it: one range of bytes. Pure.

/// What to send of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// All of it.
    Whole,
    /// The bytes from `first` to `last`, both included.
    Part { first: u64, last: u64 },
    /// Nothing in the file is meant.
    Unsatisfiable,
}

/// What a `Range` header asks of a file of `length` bytes. Anything but one well-formed range of
/// bytes is ignored, as RFC 9110 lets us.
pub(crate) fn span(header: Option<&str>, length: u64) -> Span {
    let range = header
        .and_then(|text| text.trim().strip_prefix("bytes="))
        .and_then(|text| text.split_once('-'));
    let Some((first, last)) = range else {
        return Span::Whole;
    };
    let (Ok(first), Ok(last)) = (bound(first), bound(last)) else {
        return Span::Whole;
    };
    let end = length.saturating_sub(1);
    match (first, last) {
        (None, None) => Span::Whole,
        (Some(first), Some(last)) if last < first => Span::Whole,
        (Some(first), last) if first < length => Span::Part {
            first,
            last: last.map_or(end, |last| last.min(end)),
        },
        (None, Some(suffix)) if suffix > 0 && length > 0 => Span::Part {
            first: length.saturating_sub(suffix),
            last: end,
        },
        (Some(_), _) | (None, Some(_)) => Span::Unsatisfiable,
    }
}

/// One side of a range, which may be left out.
fn bound(text: &str) -> Result<Option<u64>, std::num::ParseIntError> {
    match text.trim() {
        "" => Ok(None),
        digits => digits.parse().map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_understood_and_everything_else_ignored() {
        let part = |first, last| Span::Part { first, last };
        let cases = [
            (None, Span::Whole),
            (Some("bytes=0-4"), part(0, 4)),
            (Some("bytes=5-"), part(5, 9)),
            (Some("bytes=5-99"), part(5, 9)),
            (Some("bytes=-3"), part(7, 9)),
            (Some("bytes=-99"), part(0, 9)),
            (Some("bytes=10-"), Span::Unsatisfiable),
            (Some("bytes=-0"), Span::Unsatisfiable),
            (Some("bytes=5-2"), Span::Whole),
            (Some("bytes=0-1,4-5"), Span::Whole),
            (Some("lines=0-1"), Span::Whole),
            (Some("bytes=a-b"), Span::Whole),
            (Some("bytes=-"), Span::Whole),
        ];
        for (header, expected) in cases {
            assert_eq!(span(header, 10), expected, "{header:?}");
        }
    }
}
