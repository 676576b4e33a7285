use std::fmt::Write as _;

use sm_common::problem::ProblemCode;

const HEAD: &str = r#"<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="dark light">
    <title>Problems: Stream Manager API</title>
    <link rel="icon" href="../favicon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="../api/docs/style.css">
  </head>
  <body>
    <header>
      <h1>Problems</h1>
      <p>Every error is an RFC 9457 document, <code>application/problem+json</code>, with one of
      these codes. The codes are stable. <a href="../api/docs">Back to the API</a></p>
    </header>
    <main>
      <table>
        <thead><tr><th scope="col">Code</th><th scope="col">Status</th><th scope="col">Meaning</th><th scope="col">Try again</th></tr></thead>
        <tbody>
"#;
const FOOT: &str = "        </tbody>\n      </table>\n    </main>\n  </body>\n</html>\n";

/// A page with an anchor for each code; a problem's `type` leads to its own. Every text in the
/// table is ours and holds nothing that HTML reads otherwise.
pub(super) fn page() -> String {
    let mut page = HEAD.to_owned();
    for code in ProblemCode::ALL {
        let again = if code.retryable() { "yes, later" } else { "no" };
        // Writing to a String cannot fail.
        let _ = writeln!(
            page,
            "          <tr id=\"{name}\"><th scope=\"row\"><code>{name}</code></th><td>{status}</td><td>{title}</td><td>{again}</td></tr>",
            name = code.as_str(),
            status = code.status(),
            title = code.title(),
        );
    }
    page.push_str(FOOT);
    page
}

#[cfg(test)]
mod tests {
    use sm_common::problem::Problem;

    use super::*;

    #[test]
    fn the_type_of_every_problem_leads_to_a_place_on_the_page() {
        let page = page();
        for code in ProblemCode::ALL {
            let kind = Problem::new(*code).kind;
            let anchor = kind.strip_prefix("/docs/problems#").unwrap();
            assert!(page.contains(&format!("id=\"{anchor}\"")), "{kind}");
        }
    }

    #[test]
    fn no_text_of_the_table_needs_escaping() {
        for code in ProblemCode::ALL {
            let plain = |text: &str| !text.contains(['<', '>', '&', '"']);
            assert!(plain(code.as_str()) && plain(code.title()), "{code:?}");
        }
    }
}
