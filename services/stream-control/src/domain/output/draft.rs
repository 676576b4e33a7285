use serde_json::{Map, Value, json};
use sm_common::output::{
    Adaptive, FileTarget, Output, OutputKind, OutputTarget, RtmpTarget, SrtMode, SrtTarget,
};
use sm_common::secret::Secret;
use sm_common::target::TargetPolicy;
use sm_service_kit::body::fault::{Fault, Faults};
use sm_service_kit::body::field::{self, Members};

use super::address;

/// Longest name, address, key and stream identifier, in characters.
const NAME_CHARS_MAX: usize = 100;
const URL_CHARS_MAX: usize = 2000;
const KEY_CHARS_MAX: usize = 1000;
const STREAM_ID_CHARS_MAX: usize = 512;
/// Least and largest bitrate below which an output is not reduced, in kbit/s.
const MIN_KBPS: (i64, i64) = (100, 50_000);
/// Ten years, in seconds: longer is for ever.
const KEEP_S_MAX: i64 = 315_360_000;
/// The largest whole number that every JSON reader agrees on.
const BYTES_MAX: i64 = 9_007_199_254_740_991;

/// What an output is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) target: OutputTarget,
    pub(super) adaptive: Adaptive,
    pub(super) enabled: bool,
}

/// Reads a body that describes a whole output.
pub(super) fn read(body: &Value, policy: TargetPolicy) -> Result<Draft, Faults> {
    let mut faults = Faults::default();
    let draft = read_draft(&with_key_apart(body), policy, &mut faults);
    match draft {
        Some(draft) if faults.is_empty() => Ok(draft),
        Some(_) | None => Err(faults),
    }
}

/// Reads a merge patch of `output`: what is absent stays, and null takes away.
pub(super) fn patch(output: &Output, body: &Value, policy: TargetPolicy) -> Result<Draft, Faults> {
    let mut faults = Faults::default();
    let (patch, mut whole) = (with_key_apart(body), document(output));
    let Some(members) = patch.as_object() else {
        faults.shape("", "must be an object");
        return Err(faults);
    };
    if members
        .get("kind")
        .is_some_and(|kind| whole.get("kind") != Some(kind))
    {
        faults.value("/kind", "cannot be changed; add another output instead");
    }
    for (name, value) in members {
        merge(&mut whole, name, value);
    }
    // The kind of the document decides how the target is read.
    merge(&mut whole, "kind", &json!(output.target.kind()));
    let draft = read_draft(&Value::Object(whole), policy, &mut faults);
    if let Some(draft) = &draft {
        ask_again_for_secret(&output.target, &draft.target, &patch, &mut faults);
    }
    match draft {
        Some(draft) if faults.is_empty() => Ok(draft),
        Some(_) | None => Err(faults),
    }
}

/// A secret that was given for one server is not sent to another, unless whoever names the other
/// gives it again.
fn ask_again_for_secret(
    before: &OutputTarget,
    after: &OutputTarget,
    patch: &Value,
    faults: &mut Faults,
) {
    let (member, old, new, kept) = match (before, after) {
        (OutputTarget::Rtmp(old), OutputTarget::Rtmp(new)) => {
            ("key", &old.url, &new.url, new.key.is_some())
        }
        (OutputTarget::Srt(old), OutputTarget::Srt(new)) => {
            ("passphrase", &old.url, &new.url, new.passphrase.is_some())
        }
        (OutputTarget::Rtmp(_) | OutputTarget::Srt(_) | OutputTarget::File(_), _) => return,
    };
    let pointer = format!("/target/{member}");
    if kept && patch.pointer(&pointer).is_none() && !address::is_same_server(old, new) {
        let detail = "is needed again: the address leads to another server, which is not given \
                      what was meant for the old one; null for none";
        faults.value(pointer, detail);
    }
}

fn document(output: &Output) -> Map<String, Value> {
    let target = match &output.target {
        OutputTarget::Rtmp(target) => json!(target),
        OutputTarget::Srt(target) => json!(target),
        OutputTarget::File(target) => json!(target),
    };
    let kind = output.target.kind();
    let document = json!({"name": output.name, "kind": kind, "target": target,
        "adaptive": output.adaptive, "enabled": output.enabled});
    match document {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

/// A member of a merge patch; the target is merged member by member.
fn merge(whole: &mut Map<String, Value>, name: &str, value: &Value) {
    match (whole.get_mut(name), value) {
        (_, Value::Null) => {
            whole.remove(name);
        }
        (Some(Value::Object(target)), Value::Object(members)) => {
            for (name, value) in members {
                merge(target, name, value);
            }
        }
        (_, value) => {
            whole.insert(name.to_owned(), value.clone());
        }
    }
}

/// The body with a stream key that stands in the address moved to its own field, so that it is
/// never part of what is shown. Where both are given, the address stays as it is and is refused.
fn with_key_apart(body: &Value) -> Value {
    let mut body = body.clone();
    let target = body.get_mut("target").and_then(Value::as_object_mut);
    if let Some(target) = target
        && target.get("key").is_none_or(Value::is_null)
        && let Some(text) = target.get("url").and_then(Value::as_str)
        && let Ok(address) = address::rtmp(text, TargetPolicy::default())
        && let Some(key) = address.key
    {
        target.insert("url".to_owned(), json!(address.url));
        target.insert("key".to_owned(), json!(key));
    }
    body
}

fn read_draft(body: &Value, policy: TargetPolicy, faults: &mut Faults) -> Option<Draft> {
    let mut members = Members::of(body, "", faults)?;
    let name = members.required("name", faults, field::text(1, NAME_CHARS_MAX, false));
    let kind = members.required("kind", faults, read_kind);
    let enabled = members.or("enabled", true, faults, field::boolean);
    let target = match (members.raw("target"), kind) {
        (Some(target), Some(kind)) => read_target(target, kind, policy, faults),
        (None, Some(OutputKind::File)) => Some(OutputTarget::File(FileTarget::default())),
        (None, _) => {
            faults.shape("/target", "is required");
            None
        }
        (Some(_), None) => None,
    };
    let adaptive = members.raw("adaptive").map_or_else(
        || Some(Adaptive::default()),
        |adaptive| read_adaptive(adaptive, faults),
    );
    members.finish(faults);
    let (target, adaptive) = (target?, adaptive?);
    if adaptive.enabled && !target.can_adapt() {
        let detail = "is for rtmp, and for srt in the mode caller";
        faults.value("/adaptive/enabled", detail);
    }
    Some(Draft {
        name: name?,
        target,
        adaptive,
        enabled: enabled?,
    })
}

fn read_kind(value: &Value) -> Result<OutputKind, Fault> {
    match field::parsed(value)? {
        OutputKind::Hls => Err(Fault::Value(
            "must be rtmp, srt or file; every stream has its hls output".to_owned(),
        )),
        kind @ (OutputKind::Rtmp | OutputKind::Srt | OutputKind::File) => Ok(kind),
    }
}

fn read_adaptive(value: &Value, faults: &mut Faults) -> Option<Adaptive> {
    let mut members = Members::of(value, "/adaptive", faults)?;
    let Adaptive { enabled, min_kbps } = Adaptive::default();
    let enabled = members.or("enabled", enabled, faults, field::boolean);
    let bounds = field::integer(MIN_KBPS.0, MIN_KBPS.1);
    let min_kbps = members.or("min_kbps", min_kbps, faults, bounds);
    members.finish(faults);
    Some(Adaptive {
        enabled: enabled?,
        min_kbps: min_kbps?,
    })
}

fn read_target(
    value: &Value,
    kind: OutputKind,
    policy: TargetPolicy,
    faults: &mut Faults,
) -> Option<OutputTarget> {
    let mut members = Members::of(value, "/target", faults)?;
    let target = match kind {
        OutputKind::Rtmp => read_rtmp(&mut members, policy, faults).map(OutputTarget::Rtmp),
        OutputKind::Srt => read_srt(&mut members, policy, faults).map(OutputTarget::Srt),
        OutputKind::File => read_file(&mut members, faults).map(OutputTarget::File),
        OutputKind::Hls => None,
    };
    members.finish(faults);
    target
}

fn read_rtmp(
    members: &mut Members<'_>,
    policy: TargetPolicy,
    faults: &mut Faults,
) -> Option<RtmpTarget> {
    let url = members.required("url", faults, |value| {
        let address = address::rtmp(&url_text(value)?, policy).map_err(refused)?;
        if address.key.is_some() {
            return Err(refused("must not hold a key where `key` is given"));
        }
        Ok(address.url)
    });
    let key = members.or("key", None, faults, |value| {
        field::text(1, KEY_CHARS_MAX, false)(value).map(|key| Some(Secret::from(key)))
    });
    Some(RtmpTarget {
        url: url?,
        key: key?,
    })
}

fn read_srt(
    members: &mut Members<'_>,
    policy: TargetPolicy,
    faults: &mut Faults,
) -> Option<SrtTarget> {
    let mode = members.or("mode", SrtMode::default(), faults, field::parsed);
    let url = members.required("url", faults, |value| {
        let mode = mode.unwrap_or_default();
        address::srt(&url_text(value)?, mode, policy).map_err(refused)
    });
    let stream_id = members.or("stream_id", None, faults, |value| {
        field::text(1, STREAM_ID_CHARS_MAX, false)(value).map(Some)
    });
    let passphrase = members.or("passphrase", None, faults, |value| {
        field::text(10, 79, false)(value).map(|text| Some(Secret::from(text)))
    });
    let latency_ms = members.or("latency_ms", 125, faults, field::integer(20, 8000));
    Some(SrtTarget {
        url: url?,
        mode: mode?,
        stream_id: stream_id?,
        passphrase: passphrase?,
        latency_ms: latency_ms?,
    })
}

fn read_file(members: &mut Members<'_>, faults: &mut Faults) -> Option<FileTarget> {
    let format = members.or(
        "format",
        FileTarget::default().format,
        faults,
        field::parsed,
    );
    let split_s = members.or("split_s", None, faults, some(10, 86_400));
    let split_bytes = members.or("split_bytes", None, faults, some(1_048_576, BYTES_MAX));
    let keep_files = members.or("keep_files", None, faults, some(1, 10_000));
    let keep_s = members.or("keep_s", None, faults, some(60, KEEP_S_MAX));
    Some(FileTarget {
        format: format?,
        split_s: split_s?,
        split_bytes: split_bytes?,
        keep_files: keep_files?,
        keep_s: keep_s?,
    })
}

/// A whole number that may be absent.
fn some<T: TryFrom<i64>>(min: i64, max: i64) -> impl FnOnce(&Value) -> Result<Option<T>, Fault> {
    move |value| field::integer(min, max)(value).map(Some)
}

fn url_text(value: &Value) -> Result<String, Fault> {
    field::text(1, URL_CHARS_MAX, false)(value)
}

fn refused(why: impl Into<String>) -> Fault {
    Fault::Value(why.into())
}
