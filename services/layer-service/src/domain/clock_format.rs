use super::fault::Fault;

/// Longest clock format, in characters.
pub(crate) const FORMAT_CHARS_MAX: usize = 64;

/// Directives that the engine's `GLib` and the C library write the same, up to the language.
const DIRECTIVES: &str = "aAbBcCdeFgGhHIjklmMnpPrRsStTuVwxXyYzZ%";
/// Marks between `%` and the directive: no padding, spaces, zeroes.
const PADDING: &str = "-_0";

/// Whether `format` is a `strftime` format that the engine can write.
pub(crate) fn check(format: &str) -> Result<(), Fault> {
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            continue;
        }
        let mut directive = rest.next();
        if directive.is_some_and(|c| PADDING.contains(c)) {
            directive = rest.next();
        }
        match directive {
            Some(c) if DIRECTIVES.contains(c) => {}
            Some(c) => {
                return Err(Fault::Value(format!(
                    "%{c} is not a directive; directives are % and one of {DIRECTIVES}"
                )));
            }
            None => {
                return Err(Fault::Value(
                    "ends with a lone %; write %% for the sign".to_owned(),
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_directives_that_exist_are_taken() {
        for good in [
            "%H:%M:%S",
            "%-d %B %Y",
            "100 %%",
            "no directive",
            "%_H",
            "%F %T %Z",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "%",
            "100%",
            "%Q",
            "%E",
            "% H",
            "%-",
            "%--d",
            "%é",
            "%10000000d",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
