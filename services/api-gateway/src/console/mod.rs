//! The web console's files: built in, or in a folder for those who work on it.

mod path;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bytes::Bytes;
use serde::Deserialize;

use crate::config::ConsoleConfig;
use crate::static_file::StaticFile;
use path::Wanted;

/// Path and content of every file, written by the build script; empty when the console was not
/// built before.
static BUILT_IN: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/console.rs"));
const PLACEHOLDER: &str = include_str!("placeholder.html");
const INDEX: &str = "index.html";
const VERSION: &str = "version.json";

/// Where the console's files are.
#[derive(Clone, Debug)]
pub(crate) enum Console {
    /// In the program.
    BuiltIn(BTreeMap<String, StaticFile>),
    /// In a folder, read anew for every request.
    Folder(PathBuf),
}

/// A file for a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) file: StaticFile,
    /// Whether the content behind this name never changes.
    pub(crate) immutable: bool,
}

/// The `version.json` of a build.
#[derive(Deserialize)]
struct BuildVersion {
    console: String,
}

impl Console {
    /// The configured folder, else what is built in.
    pub(crate) fn open(config: &ConsoleConfig) -> anyhow::Result<Self> {
        let folder = &config.directory;
        if folder.as_os_str().is_empty() {
            return Ok(Self::of_files(BUILT_IN));
        }
        let folder = std::fs::canonicalize(folder)
            .with_context(|| format!("open console.directory {}", folder.display()))?;
        anyhow::ensure!(
            folder.join(INDEX).is_file(),
            "console.directory {} has no {INDEX}",
            folder.display()
        );
        Ok(Self::Folder(folder))
    }

    /// A console of these files, or the placeholder when there are none.
    fn of_files(files: &[(&'static str, &'static [u8])]) -> Self {
        let all: BTreeMap<&str, &'static [u8]> = files.iter().copied().collect();
        let variant = |name: &str| all.get(name).map(|content| Bytes::from_static(content));
        let mut served: BTreeMap<String, StaticFile> = all
            .iter()
            .filter(|(name, _)| !path::is_variant(name))
            .map(|(name, content)| {
                let file = StaticFile::new(name, Bytes::from_static(content)).compressed(
                    variant(&format!("{name}.br")),
                    variant(&format!("{name}.gz")),
                );
                ((*name).to_owned(), file)
            })
            .collect();
        served
            .entry(INDEX.to_owned())
            .or_insert_with(|| StaticFile::new(INDEX, Bytes::from_static(PLACEHOLDER.as_bytes())));
        Self::BuiltIn(served)
    }

    /// What to serve at `path`; `None` when there is nothing.
    pub(crate) async fn at(&self, path: &str) -> Option<Served> {
        let name = match path::wanted(path) {
            Wanted::Page => INDEX,
            Wanted::File(name) => name,
            Wanted::Nothing => return None,
        };
        let file = self.file(name).await?;
        Some(Served {
            file,
            immutable: name.starts_with("assets/"),
        })
    }

    /// The version of the console, as its build wrote it; `None` when it was not built.
    pub(crate) async fn version(&self) -> Option<String> {
        let file = self.file(VERSION).await?;
        let version: BuildVersion = serde_json::from_slice(file.plain()).ok()?;
        Some(version.console)
    }

    async fn file(&self, name: &str) -> Option<StaticFile> {
        match self {
            Self::BuiltIn(files) => files.get(name).cloned(),
            Self::Folder(folder) => {
                let (folder, name) = (folder.clone(), name.to_owned());
                tokio::task::spawn_blocking(move || read(&folder, &name))
                    .await
                    .ok()?
            }
        }
    }
}

/// Reads a file, unless a link leads out of the folder.
fn read(folder: &Path, name: &str) -> Option<StaticFile> {
    let path = std::fs::canonicalize(folder.join(name)).ok()?;
    if !path.starts_with(folder) {
        return None;
    }
    let plain = std::fs::read(&path).ok()?;
    let variant = |ending: &str| {
        let bytes = std::fs::read(folder.join(format!("{name}.{ending}"))).ok()?;
        Some(Bytes::from(bytes))
    };
    let file = StaticFile::new(name, plain.into());
    Some(file.compressed(variant("br"), variant("gz")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_console_one_page_says_how_to_build_it() {
        let console = Console::of_files(&[]);
        for path in ["/", "/layers"] {
            let served = console.at(path).await.unwrap();
            let page = String::from_utf8(served.file.plain().to_vec()).unwrap();
            assert!(page.contains("make console"), "{page}");
        }
        assert_eq!(console.at("/assets/app.js").await, None);
        assert_eq!(console.version().await, None);
    }

    #[tokio::test]
    async fn built_in_files_bring_their_variants() {
        let console = Console::of_files(&[
            ("assets/app-1.js", b"plain"),
            ("assets/app-1.js.br", b"small"),
            ("index.html", b"<!doctype html>"),
            ("version.json", br#"{"console":"1+abc"}"#),
        ]);
        let served = console.at("/assets/app-1.js").await.unwrap();
        assert!(served.immutable);
        assert_eq!(served.file.best("br").1, "small");
        assert!(!console.at("/").await.unwrap().immutable);
        assert_eq!(console.at("/assets/app-1.js.br").await, None);
        assert_eq!(console.version().await.as_deref(), Some("1+abc"));
    }

    #[tokio::test]
    async fn a_link_out_of_the_folder_leads_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(INDEX), "page").unwrap();
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("a.txt")).unwrap();
        let directory = folder.path().to_owned();
        let console = Console::open(&ConsoleConfig { directory }).unwrap();
        assert!(console.at("/").await.is_some());
        assert_eq!(console.at("/a.txt").await, None);
    }
}
