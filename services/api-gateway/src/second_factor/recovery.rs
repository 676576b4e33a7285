use serde::{Deserialize, Serialize};

use crate::secret::{NoRandomness, digest};

/// Random bytes of a code: 80 bits, so that a plain digest of it tells nobody anything.
const CODE_BYTES: usize = 10;
/// Characters between two dashes.
const GROUP_CHARS: usize = 4;
/// Letters and digits that look like no others (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The digests of codes that are each good once, in place of a one-time code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct RecoveryCodes(Vec<String>);

impl RecoveryCodes {
    /// New codes: what is kept of them, and the codes themselves, to be shown once.
    pub(crate) fn generate(count: usize) -> Result<(Self, Vec<String>), NoRandomness> {
        let codes = (0..count)
            .map(|_| random_code())
            .collect::<Result<Vec<_>, _>>()?;
        let kept = codes.iter().map(|code| digest(&plain(code))).collect();
        Ok((Self(kept), codes))
    }

    /// How many are left.
    pub(crate) const fn left(&self) -> usize {
        self.0.len()
    }

    /// The rest of them without `code`; `None` when it is none of them.
    pub(crate) fn without(&self, code: &str) -> Option<Self> {
        let digest = digest(&plain(code));
        let rest: Vec<String> = self
            .0
            .iter()
            .filter(|kept| **kept != digest)
            .cloned()
            .collect();
        (rest.len() < self.0.len()).then_some(Self(rest))
    }
}

/// A code without what people add or change when they type it.
fn plain(code: &str) -> String {
    code.chars()
        .filter(|letter| !letter.is_whitespace() && *letter != '-')
        .map(|letter| match letter.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        })
        .collect()
}

fn random_code() -> Result<String, NoRandomness> {
    let mut bytes = [0; CODE_BYTES];
    aws_lc_rs::rand::fill(&mut bytes)?;
    let mut code = String::new();
    // Ten bytes are sixteen letters of five bits.
    let mut pending = 0_u32;
    let mut bits = 0_u32;
    let mut letters = 0_usize;
    for byte in bytes {
        pending = pending << 8 | u32::from(byte);
        bits = bits.saturating_add(8);
        while bits >= 5 {
            bits = bits.saturating_sub(5);
            let index = usize::try_from(pending >> bits & 31).unwrap_or(0);
            if letters > 0 && letters.is_multiple_of(GROUP_CHARS) {
                code.push('-');
            }
            code.push(char::from(ALPHABET.get(index).copied().unwrap_or(b'0')));
            letters = letters.saturating_add(1);
        }
        pending &= (1 << bits) - 1;
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_good_once_however_it_is_typed() {
        let (kept, codes) = RecoveryCodes::generate(3).unwrap();
        assert_eq!((kept.left(), codes.len()), (3, 3));
        let [first, ..] = codes.as_slice() else {
            panic!("{codes:?}");
        };
        assert_eq!(first.len(), 19);
        let typed = first.to_uppercase().replace('-', " ").replace('0', "O");
        let rest = kept.without(&typed).unwrap();
        assert_eq!(rest.left(), 2);
        assert_eq!(rest.without(first), None);
        for wrong in ["", "-", "0000-0000-0000-0000"] {
            assert_eq!(kept.without(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_kept_shows_no_code() {
        let (kept, codes) = RecoveryCodes::generate(2).unwrap();
        let text = serde_json::to_string(&kept).unwrap();
        for code in codes {
            assert!(!text.contains(&code) && !text.contains(&plain(&code)));
        }
    }
}
