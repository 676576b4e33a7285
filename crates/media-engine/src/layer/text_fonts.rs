//! Uploaded fonts, each under a family of its own, so that no other font of the same name is taken
//! for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cosmic_text::fontdb::{Database, Language, Source};

use super::failure::Failure;

/// Largest font file that is read.
const BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Uploaded fonts that are kept in memory; more are not used.
const FONTS_MAX: usize = 64;

/// The families of uploaded fonts by their files.
#[derive(Debug, Default)]
pub(super) struct UploadedFonts {
    families: BTreeMap<PathBuf, String>,
}

impl UploadedFonts {
    /// The family under which a file's fonts are in `database`. What cannot be read is tried again
    /// the next time.
    pub(super) fn family_of(
        &mut self,
        path: &Path,
        database: &mut Database,
    ) -> Result<String, Failure> {
        if let Some(family) = self.families.get(path) {
            return Ok(family.clone());
        }
        if self.families.len() >= FONTS_MAX {
            return Err(Failure::font("is one too many"));
        }
        let data = read(path)?;
        let mut own = Database::new();
        own.load_font_source(Source::Binary(Arc::new(data)));
        let family = format!("uploaded-{}", self.families.len());
        let mut faces = 0_u32;
        for face in own.faces() {
            let mut face = face.clone();
            face.families = vec![(family.clone(), Language::English_UnitedStates)];
            database.push_face_info(face);
            faces += 1;
        }
        if faces == 0 {
            return Err(Failure::font("cannot be read"));
        }
        self.families.insert(path.to_owned(), family.clone());
        Ok(family)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |_error| Failure::font("is missing");
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() || metadata.len() > BYTES_MAX {
        return Err(Failure::font("is no font"));
    }
    std::fs::read(path).map_err(unreadable)
}
