//! What the gateway says about the API: the merged OpenAPI document, a page to read it, and a page
//! that lists every problem.

mod problems;

use bytes::Bytes;

use crate::static_file::StaticFile;

/// Of all services together, written by the schemas crate and copied here by the build script.
const OPENAPI: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// The documents, ready to be served.
#[derive(Clone, Debug)]
pub(crate) struct Documents {
    pub(crate) openapi: StaticFile,
    pub(crate) page: StaticFile,
    pub(crate) script: StaticFile,
    pub(crate) style: StaticFile,
    pub(crate) problems: StaticFile,
}

impl Documents {
    pub(crate) fn new() -> Self {
        let file =
            |name, text: &'static str| StaticFile::new(name, Bytes::from_static(text.as_bytes()));
        Self {
            openapi: file("openapi.json", OPENAPI),
            page: file("page.html", include_str!("../../assets/docs/page.html")),
            script: file("script.js", include_str!("../../assets/docs/script.js")),
            style: file("style.css", include_str!("../../assets/docs/style.css")),
            problems: StaticFile::new("problems.html", problems::page().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_openapi_document_is_json_whether_or_not_it_was_there() {
        let document: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
        assert!(document.get("openapi").is_some());
        assert!(document.get("paths").is_some());
    }
}
