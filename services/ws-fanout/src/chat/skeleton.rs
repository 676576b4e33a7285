//! Words however they are spelled. Pure.
//!
//! A word is compared by its skeleton: compatibility forms, look-alikes of other alphabets, accents,
//! case, digits and signs that stand for letters make no difference, and neither do letters that are
//! repeated. A word in another word is none.

use unicode_normalization::UnicodeNormalization as _;

/// Most words of a phrase.
const WORDS_MAX: usize = 8;
/// Fewest letters, each by itself, that are read as one word.
const SPELLED_MIN: usize = 3;

/// A word as it is compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Word {
    /// Its letters, each run of the same letter once.
    pub(super) letters: String,
    /// How long each run is.
    runs: Vec<usize>,
}

impl Word {
    fn new(token: &str) -> Self {
        let mut letters = String::new();
        let mut runs: Vec<usize> = Vec::new();
        for letter in token.chars().map(fold) {
            match runs.last_mut() {
                Some(run) if letters.ends_with(letter) => *run = run.saturating_add(1),
                _ => {
                    letters.push(letter);
                    runs.push(1);
                }
            }
        }
        Self { letters, runs }
    }

    /// Whether this is `banned`, maybe with letters repeated.
    pub(super) fn is(&self, banned: &Self) -> bool {
        self.letters == banned.letters
            && self
                .runs
                .iter()
                .zip(&banned.runs)
                .all(|(own, banned)| own >= banned)
    }
}

/// A place in a text, and the words that can be read there.
pub(super) type Readings = Vec<Word>;

/// The words of a banned word or phrase; `None` when it holds no letter or too many words.
pub(super) fn phrase(text: &str) -> Option<Vec<Word>> {
    let plain = plain(text);
    let words: Vec<Word> = tokens(&plain).map(Word::new).collect();
    (1..=WORDS_MAX).contains(&words.len()).then_some(words)
}

/// The words of a text, in order, and then what can be read over their borders.
pub(super) fn readings(text: &str) -> (Vec<Readings>, Vec<Word>) {
    let plain = plain(text);
    let mut places = Vec::new();
    let mut joined = Vec::new();
    let mut spelled = String::new();
    for chunk in plain.split_whitespace() {
        let letters: String = chunk.chars().filter(|c| is_letter(*c)).collect();
        let mut parts = 0;
        for token in tokens(chunk) {
            parts += 1;
            let bare = token.trim_matches(is_sign);
            let mut readings = vec![Word::new(token)];
            if bare != token && !bare.is_empty() {
                readings.push(Word::new(bare));
            }
            places.push(readings);
        }
        if parts > 1 {
            joined.push(Word::new(&letters));
        }
        if letters.chars().count() == 1 {
            spelled.push_str(&letters);
        } else {
            take_spelled(&mut spelled, &mut joined);
        }
    }
    take_spelled(&mut spelled, &mut joined);
    (places, joined)
}

fn take_spelled(spelled: &mut String, joined: &mut Vec<Word>) {
    let letters = std::mem::take(spelled);
    if letters.chars().count() >= SPELLED_MIN {
        joined.push(Word::new(&letters));
    }
}

/// The text without what cannot be seen, in compatibility form.
pub(super) fn visible(text: &str) -> String {
    text.nfkc().filter(|c| !is_invisible(*c)).collect()
}

/// The same in plain lower-case letters, as far as there are such for it.
fn plain(text: &str) -> String {
    let visible = visible(text);
    let options = decancer::Options::default().disable_bidi();
    match decancer::cure(&visible, options) {
        Ok(cured) => String::from(cured).to_lowercase(),
        Err(_) => visible.to_lowercase(),
    }
}

/// The parts of a text that may be words.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !is_letter(c))
        .filter(|token| token.chars().any(char::is_alphanumeric))
}

fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || is_sign(c)
}

/// Signs that stand for letters.
const fn is_sign(c: char) -> bool {
    matches!(c, '@' | '$' | '!' | '|' | '+')
}

/// The letter that a character stands for. `l` and `i` are told apart by no reader, so by nobody.
const fn fold(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' | '|' | 'l' => 'i',
        '2' => 'z',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '6' | '9' => 'g',
        '7' | '+' => 't',
        '8' => 'b',
        other => other,
    }
}

/// Characters without width that text does not need to be read.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}
