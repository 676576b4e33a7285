use std::fmt::Write as _;

use sm_common::problem::ProblemCode;

const HEAD: &str = "# Problems

Every error of the API is an RFC 9457 document, `application/problem+json`. Its `code` is one of
these and never changes its meaning; `detail` says what to change this time, and `errors` names each
wrong field. The running system shows the same table under `/docs/problems`.

This page is generated from `crates/common/src/problem.rs`: change that, and run `make schemas`.

| code | status | meaning | try again |
| --- | --- | --- | --- |
";

/// The table of problems, as Markdown.
pub fn problems() -> String {
    let mut page = HEAD.to_owned();
    for code in ProblemCode::ALL {
        let again = if code.retryable() { "yes, later" } else { "no" };
        // Writing to a String cannot fail.
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {again} |",
            code.as_str(),
            code.status(),
            code.title(),
        );
    }
    page
}
