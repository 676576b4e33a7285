//! Puts what others build into the binary: the console's files and the merged OpenAPI document.
//! Neither has to be there: a build without Node works, and says on the page what is missing.

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Names the built console, where it does not lie beside this service.
const CONSOLE_VARIABLE: &str = "CONSOLE_DIST";
const CONSOLE_DEFAULT: &str = "../console/dist";
const OPENAPI: &str = "../../docs/api/openapi.json";
const OPENAPI_MISSING: &str = r#"{"openapi":"3.1.0","info":{"title":"Stream Manager","version":"0","description":"docs/api/openapi.json was missing when this binary was built: run `make schemas`, then build again."},"paths":{}}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("not run by cargo")?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("not run by cargo")?);
    copy_openapi(&here.join(OPENAPI), &out.join("openapi.json"))?;
    println!("cargo::rerun-if-env-changed={CONSOLE_VARIABLE}");
    let console = env::var_os(CONSOLE_VARIABLE)
        .filter(|folder| !folder.is_empty())
        .map_or_else(|| here.join(CONSOLE_DEFAULT), PathBuf::from);
    list_console(&console, &out.join("console.rs"))
}

fn copy_openapi(from: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", from.display());
    let document = fs::read_to_string(from).unwrap_or_else(|_missing| OPENAPI_MISSING.to_owned());
    fs::write(to, document)?;
    Ok(())
}

/// Writes a slice expression of (path, bytes), one for each file, empty when there is no console.
fn list_console(folder: &Path, list: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    if folder.join("index.html").is_file() {
        collect(folder, &mut files)?;
        files.sort();
    } else if env::var_os("CARGO_FEATURE_CONSOLE_REQUIRED").is_some() {
        return Err(format!(
            "the feature console-required is on and there is no index.html in {}: run `make console`",
            folder.display()
        )
        .into());
    }
    let mut source = String::from("&[\n");
    for file in files {
        let name = file
            .strip_prefix(folder)?
            .to_str()
            .ok_or("a file name is not UTF-8")?;
        let path = fs::canonicalize(&file)?;
        let path = path.to_str().ok_or("a file name is not UTF-8")?;
        writeln!(source, "    ({name:?}, include_bytes!({path:?})),")?;
    }
    source.push_str("]\n");
    fs::write(list, source)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
