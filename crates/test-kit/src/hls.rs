//! A client of low-latency HLS that forgives nothing (draft-pantos-hls-rfc8216bis).

use std::collections::BTreeMap;

/// How far sums of rounded lengths may be from one another, in seconds.
const ROUNDING_S: f64 = 0.001;

/// A part of a segment.
#[derive(Clone, Debug, PartialEq)]
pub struct HlsPart {
    /// Its address.
    pub uri: String,
    /// Its length in seconds.
    pub duration_s: f64,
    /// Whether it starts with a keyframe.
    pub independent: bool,
}

/// A segment, or the beginning of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HlsSegment {
    /// Its address; `None` while it grows.
    pub uri: Option<String>,
    /// Its length in seconds; 0 while it grows.
    pub duration_s: f64,
    /// The address of what is read before it.
    pub map: String,
    /// Its discontinuity sequence number.
    pub discontinuity: u64,
    /// Its parts, as far as they are listed.
    pub parts: Vec<HlsPart>,
}

/// What a playlist says.
#[derive(Clone, Debug, Default)]
struct Update {
    version: u64,
    target_s: f64,
    control: BTreeMap<String, String>,
    part_target_s: f64,
    media_sequence: u64,
    discontinuity_sequence: u64,
    skipped: u64,
    /// By media sequence number; the last one may be growing.
    segments: BTreeMap<u64, HlsSegment>,
    hint: Option<String>,
}

/// Follows a stream from update to update.
#[derive(Clone, Debug, Default)]
pub struct HlsFollower {
    last: Option<Update>,
    /// Everything ever listed, by media sequence number.
    seen: BTreeMap<u64, HlsSegment>,
}

impl HlsFollower {
    /// Everything ever listed, by media sequence number; the last one may be growing.
    pub fn segments(&self) -> &BTreeMap<u64, HlsSegment> {
        &self.seen
    }

    /// What the server says comes next.
    pub fn hint(&self) -> Option<&str> {
        self.last.as_ref()?.hint.as_deref()
    }

    /// The media sequence and part numbers of what comes next, to ask for.
    pub fn next(&self) -> (u64, usize) {
        match self.seen.last_key_value() {
            Some((number, segment)) if segment.uri.is_none() => (*number, segment.parts.len()),
            Some((number, _)) => (number + 1, 0),
            None => (0, 0),
        }
    }

    /// Reads an update, and says which rule it breaks.
    pub fn read(&mut self, text: &str) -> Result<(), String> {
        let mut update = parse(text)?;
        self.complete(&mut update);
        check_control(&update)?;
        if let Some(last) = &self.last {
            check_course(last, &update)?;
        }
        let newest = self.seen.last_key_value().map(|(number, _)| *number);
        if let Some(newest) = newest {
            if (update.media_sequence..update.media_sequence + update.skipped).any(|number| {
                self.seen
                    .get(&number)
                    .is_none_or(|known| known.uri.is_none())
            }) {
                return Err("segments are skipped that were never listed".to_owned());
            }
            if let Some(first) = update.segments.keys().next()
                && *first > newest + 1
            {
                return Err(format!("{first} follows on {newest}"));
            }
        } else if update.skipped > 0 {
            return Err("the first playlist skips segments".to_owned());
        }
        let mut fresh = Vec::new();
        for (number, segment) in &update.segments {
            check_segment(*number, segment, update.part_target_s, update.target_s)?;
            let known = self.seen.get(number);
            fresh.extend(merge(*number, known, segment)?);
        }
        self.check_hint(&update, &fresh)?;
        for (number, segment) in &update.segments {
            let known = self.seen.entry(*number).or_default();
            let parts = std::mem::take(&mut known.parts);
            *known = segment.clone();
            if known.parts.len() < parts.len() {
                known.parts = parts;
            }
        }
        self.last = Some(update);
        Ok(())
    }

    /// What a delta update says nothing of goes on from the last segment that it skips.
    fn complete(&self, update: &mut Update) {
        let before = (update.media_sequence + update.skipped).checked_sub(1);
        let before = before.filter(|_| update.skipped > 0);
        let Some(before) = before.and_then(|number| self.seen.get(&number)) else {
            return;
        };
        for segment in update.segments.values_mut() {
            if segment.map.is_empty() {
                segment.map.clone_from(&before.map);
            }
            segment.discontinuity += before.discontinuity - update.discontinuity_sequence;
        }
    }

    /// The first part that is new is the one that was hinted at, unless a discontinuity came, or
    /// the follower comes so late that its parts are listed no more.
    fn check_hint(&self, update: &Update, fresh: &[HlsPart]) -> Result<(), String> {
        let Some(hint) = self.last.as_ref().and_then(|last| last.hint.as_ref()) else {
            return Ok(());
        };
        let run = |segment: Option<(&u64, &HlsSegment)>| segment.map(|(_, one)| one.discontinuity);
        let same_run = run(self.seen.last_key_value()) == run(update.segments.last_key_value());
        match fresh.first() {
            Some(first) if same_run && first.uri != *hint && !self.missed_it(update) => {
                Err(format!("{hint} was hinted at, and {} came", first.uri))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the segment that came next ends more than three target durations before the end.
    fn missed_it(&self, update: &Update) -> bool {
        let (number, _) = self.next();
        let later = update.segments.range(number + 1..);
        let behind_s: f64 = later.map(|(_, segment)| length_s(segment)).sum();
        behind_s > 3.0 * update.target_s
    }
}

/// How long what is listed of the segment is.
fn length_s(segment: &HlsSegment) -> f64 {
    match segment.uri {
        Some(_) => segment.duration_s,
        None => segment.parts.iter().map(|part| part.duration_s).sum(),
    }
}

fn check_control(update: &Update) -> Result<(), String> {
    let number = |name: &str| -> Result<f64, String> {
        let text = update.control.get(name).ok_or(format!("no {name}"))?;
        text.parse().map_err(|_none| format!("{name}={text}"))
    };
    let rules = [
        (
            update.control.get("CAN-BLOCK-RELOAD").map(String::as_str) == Some("YES"),
            "it cannot be waited for",
        ),
        (
            number("PART-HOLD-BACK")? + ROUNDING_S >= 3.0 * update.part_target_s,
            "PART-HOLD-BACK is under three part targets",
        ),
        (
            number("HOLD-BACK")? >= 3.0 * update.target_s,
            "HOLD-BACK is under three targets",
        ),
        (
            number("CAN-SKIP-UNTIL")? >= 6.0 * update.target_s,
            "CAN-SKIP-UNTIL is under six targets",
        ),
        (
            update.skipped == 0 || update.version >= 9,
            "skipped segments need version 9",
        ),
    ];
    let broken = rules.into_iter().find(|(holds, _)| !holds);
    broken.map_or(Ok(()), |(_, rule)| Err(rule.to_owned()))
}

fn check_course(last: &Update, update: &Update) -> Result<(), String> {
    if update.media_sequence < last.media_sequence {
        return Err("the media sequence went back".to_owned());
    }
    if update.discontinuity_sequence < last.discontinuity_sequence {
        return Err("the discontinuity sequence went back".to_owned());
    }
    if update.target_s.to_bits() != last.target_s.to_bits() {
        return Err("the target duration changed".to_owned());
    }
    Ok(())
}

fn check_segment(
    number: u64,
    segment: &HlsSegment,
    part_target_s: f64,
    target_s: f64,
) -> Result<(), String> {
    let complete = segment.uri.is_some();
    for (index, part) in segment.parts.iter().enumerate() {
        let last = complete && index + 1 == segment.parts.len();
        if part.duration_s > part_target_s {
            return Err(format!("{} is longer than the part target", part.uri));
        }
        // The last one of a growing segment may turn out to be its last.
        let may_be_last = last || !complete && index + 1 == segment.parts.len();
        if !may_be_last && part.duration_s < 0.85 * part_target_s {
            return Err(format!(
                "{} is shorter than 85 % of the part target",
                part.uri
            ));
        }
        if index == 0 && !part.independent {
            return Err(format!("{} is not independent", part.uri));
        }
    }
    let sum: f64 = segment.parts.iter().map(|part| part.duration_s).sum();
    if complete && !segment.parts.is_empty() && (sum - segment.duration_s).abs() > ROUNDING_S {
        return Err(format!("segment {number} is not as long as its parts"));
    }
    if segment.duration_s.round() > target_s {
        return Err(format!("segment {number} is longer than the target"));
    }
    if segment.map.is_empty() {
        return Err(format!("segment {number} has no map"));
    }
    Ok(())
}

/// The parts that are new, in their order.
fn merge(
    number: u64,
    known: Option<&HlsSegment>,
    segment: &HlsSegment,
) -> Result<Vec<HlsPart>, String> {
    let Some(known) = known else {
        return Ok(segment.parts.clone());
    };
    let same_place = known.map == segment.map && known.discontinuity == segment.discontinuity;
    let same_file = known.uri.is_none() || known.uri == segment.uri;
    if !same_place || !same_file {
        return Err(format!("{number} means another segment than before"));
    }
    // The parts of a segment that has become old are listed no more.
    if segment.uri.is_some() && segment.parts.is_empty() {
        return Ok(Vec::new());
    }
    match segment.parts.strip_prefix(known.parts.as_slice()) {
        Some([_, ..]) if known.uri.is_some() => Err(format!("segment {number} grew afterwards")),
        Some(fresh) => Ok(fresh.to_vec()),
        None => Err(format!("parts of {number} changed")),
    }
}

fn parse(text: &str) -> Result<Update, String> {
    let mut lines = text.lines();
    if lines.next() != Some("#EXTM3U") {
        return Err("this is no playlist".to_owned());
    }
    let mut update = Update::default();
    let mut next = HlsSegment::default();
    let mut number = 0;
    let mut discontinuity = 0;
    for line in lines {
        if update.hint.is_some() {
            return Err("something follows on the hint".to_owned());
        }
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        match tag {
            "#EXT-X-VERSION" => update.version = whole(value)?,
            "#EXT-X-TARGETDURATION" => update.target_s = real(value)?,
            "#EXT-X-SERVER-CONTROL" => update.control = attributes(value),
            "#EXT-X-PART-INF" => update.part_target_s = real(&attribute(value, "PART-TARGET")?)?,
            "#EXT-X-MEDIA-SEQUENCE" => {
                update.media_sequence = whole(value)?;
                number = update.media_sequence;
            }
            "#EXT-X-DISCONTINUITY-SEQUENCE" => {
                update.discontinuity_sequence = whole(value)?;
                discontinuity = update.discontinuity_sequence;
            }
            "#EXT-X-SKIP" => {
                update.skipped = whole(&attribute(value, "SKIPPED-SEGMENTS")?)?;
                number += update.skipped;
            }
            "#EXT-X-DISCONTINUITY" => discontinuity += 1,
            "#EXT-X-MAP" => next.map = attribute(value, "URI")?,
            "#EXT-X-PART" => next.parts.push(HlsPart {
                uri: attribute(value, "URI")?,
                duration_s: real(&attribute(value, "DURATION")?)?,
                independent: attribute(value, "INDEPENDENT").is_ok(),
            }),
            "#EXTINF" => next.duration_s = real(value.trim_end_matches(','))?,
            "#EXT-X-PRELOAD-HINT" => update.hint = Some(attribute(value, "URI")?),
            "#EXT-X-RENDITION-REPORT" => {
                let _uri = attribute(value, "URI")?;
                let _newest = whole(&attribute(value, "LAST-MSN")?)?;
            }
            "#EXT-X-INDEPENDENT-SEGMENTS" | "#EXT-X-PROGRAM-DATE-TIME" | "#EXT-X-GAP" => {}
            _ if line.starts_with('#') => return Err(format!("{tag} is not known")),
            _ => {
                let map = next.map.clone();
                let segment = HlsSegment {
                    uri: Some(line.to_owned()),
                    discontinuity,
                    ..next
                };
                update.segments.insert(number, segment);
                number += 1;
                next = HlsSegment {
                    map,
                    ..HlsSegment::default()
                };
            }
        }
    }
    if !next.parts.is_empty() {
        next.discontinuity = discontinuity;
        update.segments.insert(number, next);
    }
    Ok(update)
}

fn attributes(text: &str) -> BTreeMap<String, String> {
    // None of ours holds a comma between its quotation marks.
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
        .collect()
}

fn attribute(text: &str, name: &str) -> Result<String, String> {
    attributes(text)
        .remove(name)
        .ok_or(format!("no {name} in {text}"))
}

fn whole(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_none| format!("{text} is no number"))
}

fn real(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_none| format!("{text} is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:1\n\
        #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=6,HOLD-BACK=3,PART-HOLD-BACK=1.5\n\
        #EXT-X-PART-INF:PART-TARGET=0.5\n#EXT-X-MEDIA-SEQUENCE:7\n\
        #EXT-X-DISCONTINUITY-SEQUENCE:2\n";
    const PARTS: &str = "#EXT-X-MAP:URI=\"init\"\n#EXT-X-PART:DURATION=0.5,URI=\"7.0\",INDEPENDENT=YES\n\
        #EXT-X-PART:DURATION=0.5,URI=\"7.1\"\n#EXTINF:1.0,\n7\n\
        #EXT-X-PART:DURATION=0.5,URI=\"8.0\",INDEPENDENT=YES\n";
    const HINT: &str = "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"8.1\"\n";

    fn first() -> String {
        format!("{HEAD}{PARTS}{HINT}")
    }

    /// What a follower that has read the first playlist says of this one.
    fn verdict(update: &str) -> Result<(), String> {
        let mut follower = HlsFollower::default();
        follower.read(&first()).unwrap();
        assert_eq!((follower.next(), follower.hint()), ((8, 1), Some("8.1")));
        follower.read(update)
    }

    #[test]
    fn a_proper_course_is_followed() {
        let grown = format!(
            "{HEAD}{PARTS}#EXT-X-PART:DURATION=0.3,URI=\"8.1\"\n#EXTINF:0.8,\n8\n\
             #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"9.0\"\n"
        );
        assert_eq!(verdict(&grown), Ok(()));
        assert_eq!(verdict(&first()), Ok(()));
        let restarted = format!(
            "{HEAD}{PARTS}#EXTINF:0.5,\n8\n#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"other\"\n\
             #EXT-X-PART:DURATION=0.5,URI=\"o.0\",INDEPENDENT=YES\n"
        );
        assert_eq!(verdict(&restarted), Ok(()));
        let delta = HEAD.to_owned()
            + "#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n#EXT-X-MAP:URI=\"init\"\n\
               #EXT-X-PART:DURATION=0.5,URI=\"8.0\",INDEPENDENT=YES\n";
        assert_eq!(verdict(&delta), Ok(()));
    }

    #[test]
    fn parts_are_missed_by_who_comes_late_and_by_nobody_else() {
        let (known, _) = PARTS.rsplit_once("#EXT-X-PART").unwrap();
        let whole = [8, 9, 10, 11].map(|number| format!("#EXTINF:1,\n{number}\n"));
        let whole = whole.concat();
        let parts = "#EXT-X-PART:DURATION=0.5,URI=\"12.0\",INDEPENDENT=YES\n";
        let listed = format!("{HEAD}{known}{whole}{parts}");
        assert_eq!(verdict(&listed), Ok(()));
        let early = listed.replace("#EXTINF:1,\n11\n", "");
        let broken = verdict(&early).expect_err("it is not late");
        assert!(broken.contains("8.1 was hinted at"), "{broken}");
    }

    #[test]
    fn every_broken_rule_is_named() {
        let grown = |more: &str| format!("{HEAD}{PARTS}{more}");
        let cases = [
            (first().replace("SEQUENCE:7", "SEQUENCE:6"), "went back"),
            (first().replace("SEQUENCE:2", "SEQUENCE:1"), "went back"),
            (first().replace("DURATION:1", "DURATION:2"), "HOLD-BACK"),
            (
                first().replace("PART-HOLD-BACK=1.5", "PART-HOLD-BACK=1.4"),
                "PART-HOLD-BACK",
            ),
            (
                first().replace("SKIP-UNTIL=6", "SKIP-UNTIL=5"),
                "CAN-SKIP-UNTIL",
            ),
            (first().replace("RELOAD=YES", "RELOAD=NO"), "waited for"),
            (first().replace("7.1", "7.x"), "parts of 7 changed"),
            (first().replace("\n7\n", "\nother\n"), "7 means another"),
            (first().replace("\"init\"", "\"other\""), "7 means another"),
            (
                grown("#EXT-X-PART:DURATION=0.5,URI=\"8.2\"\n"),
                "8.1 was hinted at",
            ),
            (
                grown("#EXT-X-PART:DURATION=0.6,URI=\"8.1\"\n"),
                "8.1 is longer",
            ),
            (
                grown(
                    "#EXT-X-PART:DURATION=0.4,URI=\"8.1\"\n#EXT-X-PART:DURATION=0.4,URI=\"8.2\"\n",
                ),
                "8.1 is shorter",
            ),
            (grown("#EXTINF:0.9,\n8\n"), "not as long as its parts"),
            (
                grown("#EXTINF:0.5,\n8\n#EXT-X-PART:DURATION=0.5,URI=\"9.0\"\n"),
                "9.0 is not independent",
            ),
            (format!("{}{HINT}", first()), "follows on the hint"),
            (
                HEAD.replace("SEQUENCE:7", "SEQUENCE:12")
                    + "#EXT-X-MAP:URI=\"init\"\n#EXTINF:1,\n12\n",
                "12 follows on 8",
            ),
            (
                format!("{HEAD}#EXT-X-SKIP:SKIPPED-SEGMENTS=2\n"),
                "never listed",
            ),
            (
                HEAD.replace("VERSION:9", "VERSION:7") + "#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n",
                "version 9",
            ),
        ];
        for (update, broken) in cases {
            let verdict = verdict(&update).expect_err(broken);
            assert!(verdict.contains(broken), "{verdict} is not {broken}");
        }
    }
}
