//! Writes the documents to `docs`.

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    for document in sm_schemas::documents()? {
        let directory = document
            .path
            .parent()
            .context("a document lies in a directory")?;
        std::fs::create_dir_all(directory)?;
        std::fs::write(&document.path, document.text)
            .with_context(|| format!("write {}", document.path.display()))?;
    }
    Ok(())
}
