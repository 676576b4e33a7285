use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::digest;
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::PasswordsConfig;
use crate::secret::hexadecimal;
use crate::users::Username;

/// Passwords that are tried first everywhere, in lower case, of eight characters and more.
const COMMON: &str = include_str!("../../assets/common-passwords.txt");
/// Shortest name that a password may not hold: a shorter one is in too many words.
const NAME_CHARS_MIN: usize = 4;
/// Hexadecimal digits of a SHA-1.
const DIGEST_CHARS: usize = 40;
/// Longest line of a list of breached passwords: a digest, a colon and a count.
const LINE_BYTES_MAX: usize = 64;

/// Which passwords may be chosen. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct PasswordPolicy(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    chars_min: usize,
    chars_max: usize,
    common: BTreeSet<&'static str>,
    breached: Option<Breached>,
}

/// A list of breached passwords, such as the one of Have I Been Pwned: a line each with the SHA-1
/// in hexadecimal, sorted, and what follows a colon is of no interest. It is searched where it
/// lies, so that it may be as large as it likes.
#[derive(Debug)]
struct Breached {
    file: File,
    bytes: u64,
}

/// The list of breached passwords cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("passwords.breached_file {path} cannot be read")]
pub(crate) struct PolicyError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Why a password may not be chosen, for the person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unacceptable {
    #[error("a password has {0} to {1} characters")]
    Length(usize, usize),
    #[error("a password does not hold the name")]
    Name,
    #[error("this password is one of those that are tried first; choose another")]
    Common,
    #[error("this password is in a list of breached ones; choose another")]
    Breached,
}

impl PasswordPolicy {
    /// Opens the list of breached passwords, where one is configured.
    pub(crate) fn open(config: &PasswordsConfig) -> Result<Self, PolicyError> {
        let path = &config.breached_file;
        let breached = if path.as_os_str().is_empty() {
            None
        } else {
            let opened = File::open(path).and_then(|file| {
                let bytes = file.metadata()?.len();
                Ok(Breached { file, bytes })
            });
            Some(opened.map_err(|source| PolicyError {
                path: path.clone(),
                source,
            })?)
        };
        Ok(Self(Arc::new(Shared {
            chars_min: config.chars_min,
            chars_max: config.chars_max,
            common: COMMON.lines().filter(|line| !line.is_empty()).collect(),
            breached,
        })))
    }

    /// Whether a person of this name may choose `password`.
    pub(crate) fn judge(
        &self,
        name: Option<&Username>,
        password: &SecretString,
    ) -> Result<(), Unacceptable> {
        let Shared {
            chars_min,
            chars_max,
            common,
            breached,
        } = &*self.0;
        let password = password.expose_secret();
        if !(*chars_min..=*chars_max).contains(&password.chars().count()) {
            return Err(Unacceptable::Length(*chars_min, *chars_max));
        }
        let lower = password.to_lowercase();
        let holds_name = name.map(Username::key).is_some_and(|name| {
            lower == name || (name.len() >= NAME_CHARS_MIN && lower.contains(&name))
        });
        if holds_name {
            return Err(Unacceptable::Name);
        }
        if common.contains(lower.as_str()) {
            return Err(Unacceptable::Common);
        }
        let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        let digest = hexadecimal(digest.as_ref()).to_uppercase();
        match breached.as_ref().map(|list| list.contains(&digest)) {
            None | Some(Ok(false)) => Ok(()),
            Some(Ok(true)) => Err(Unacceptable::Breached),
            // The list is a help; without it people must be able to choose a password.
            Some(Err(error)) => {
                tracing::warn!(%error, "the list of breached passwords cannot be read");
                Ok(())
            }
        }
    }
}

impl Breached {
    /// Whether the list has this digest, by halving the file.
    fn contains(&self, digest: &str) -> io::Result<bool> {
        let (mut low, mut high) = (0, self.bytes);
        while low < high {
            let middle = low.midpoint(high);
            let (start, line) = self.line_at(middle)?;
            let known = line.get(..DIGEST_CHARS).unwrap_or(&line).to_uppercase();
            match known.as_str().cmp(digest) {
                std::cmp::Ordering::Equal => return Ok(true),
                std::cmp::Ordering::Less => {
                    let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
                    // Past its end and the line feed.
                    low = start.saturating_add(length).saturating_add(1);
                }
                std::cmp::Ordering::Greater => high = start,
            }
        }
        Ok(false)
    }

    /// The line that holds the byte at `position`, and where it starts.
    fn line_at(&self, position: u64) -> io::Result<(u64, String)> {
        let before = u64::try_from(LINE_BYTES_MAX).unwrap_or(0);
        let from = position.saturating_sub(before);
        let mut window = [0; 2 * LINE_BYTES_MAX];
        let mut filled = 0;
        while let Some(rest) = window.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let offset = from.saturating_add(u64::try_from(filled).unwrap_or(0));
            match self.file.read_at(rest, offset)? {
                0 => break,
                count => filled = filled.saturating_add(count),
            }
        }
        let window = window.get(..filled).unwrap_or_default();
        let inside = usize::try_from(position.saturating_sub(from)).unwrap_or(0);
        let head = window.get(..inside).unwrap_or_default();
        let start = head
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |line_feed| line_feed.saturating_add(1));
        let tail = window.get(start..).unwrap_or_default();
        let end = tail.iter().position(|byte| *byte == b'\n');
        let line = tail.get(..end.unwrap_or(tail.len())).unwrap_or_default();
        let start = from.saturating_add(u64::try_from(start).unwrap_or(0));
        Ok((start, String::from_utf8_lossy(line).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn sha1(text: &str) -> String {
        let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
        hexadecimal(digest.as_ref()).to_uppercase()
    }

    fn policy(breached: &[&str], ending: &str) -> (PasswordPolicy, tempfile::NamedTempFile) {
        let mut lines: Vec<String> = breached
            .iter()
            .enumerate()
            .map(|(count, password)| format!("{}:{count}{ending}", sha1(password)))
            .collect();
        lines.sort();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(lines.concat().as_bytes()).unwrap();
        let config = PasswordsConfig {
            chars_min: 8,
            chars_max: 20,
            breached_file: file.path().to_owned(),
            memory_kib: 64,
            iterations: 1,
            lanes: 1,
            concurrent_max: 1,
            waiting_max: 1,
        };
        (PasswordPolicy::open(&config).unwrap(), file)
    }

    #[test]
    fn a_password_is_long_enough_no_name_and_not_everybodys() {
        let (policy, _file) = policy(&[], "\n");
        let ada: Username = "Ada.L".parse().unwrap();
        let short: Username = "ann".parse().unwrap();
        for (name, password, verdict) in [
            (&ada, "1234567", Err(Unacceptable::Length(8, 20))),
            (
                &ada,
                "a password that is far too long",
                Err(Unacceptable::Length(8, 20)),
            ),
            (&ada, "my ADA.L password", Err(Unacceptable::Name)),
            (&ada, "Password1", Err(Unacceptable::Common)),
            (&ada, "äöüäöüäö", Ok(())),
            (&short, "annual report", Ok(())),
            (&ada, "correct horse", Ok(())),
        ] {
            let password = SecretString::from(password.to_owned());
            assert_eq!(policy.judge(Some(name), &password), verdict, "{name}");
        }
    }

    #[test]
    fn a_breached_password_is_found_wherever_it_stands_in_the_list() {
        let breached: Vec<String> = (0..200)
            .map(|number| format!("breached {number}"))
            .collect();
        let breached: Vec<&str> = breached.iter().map(String::as_str).collect();
        let name: Username = "ada".parse().unwrap();
        for ending in ["\n", "\r\n"] {
            let (policy, _file) = policy(&breached, ending);
            for password in &breached {
                let password = SecretString::from((*password).to_owned());
                assert_eq!(
                    policy.judge(Some(&name), &password),
                    Err(Unacceptable::Breached)
                );
            }
            for number in 0..200 {
                let password = SecretString::from(format!("not in it {number}"));
                assert_eq!(policy.judge(Some(&name), &password), Ok(()));
            }
        }
    }
}
