use serde::{Deserialize, Serialize};
use serde_json::Value;
use sm_common::address::NetworkPolicy;
use sm_common::clock::Timestamp;
use sm_common::id::WebhookId;
use sm_common::secret::Secret;
use sm_common::stream::Severity;
use sm_service_kit::body::fault::{Fault, Faults};
use sm_service_kit::body::field::{Members, boolean, parsed, text};
use url::{Host, Url};
use utoipa::ToSchema;

/// Longest name and address of a webhook, in characters.
const NAME_CHARS_MAX: usize = 100;
const URL_CHARS_MAX: usize = 2048;
/// A secret as short can be guessed; one as long is no secret any more.
const SECRET_CHARS: (usize, usize) = (16, 256);

/// An address that messages are posted to. Keys may be in its path, so that only its origin is shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Target(Url);

impl Target {
    /// Reads an address.
    pub(crate) fn parse(text: &str, policy: &NetworkPolicy) -> Result<Self, String> {
        let wanted = "must be an address such as https://example.org/alerts";
        if text.len() > URL_CHARS_MAX {
            return Err(format!("must be at most {URL_CHARS_MAX} characters long"));
        }
        let url = Url::parse(text).map_err(|_syntax| wanted.to_owned())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("must begin with http:// or https://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold a user or a password: messages are signed".to_owned());
        }
        let target = Self(url);
        match target.host() {
            None => Err(wanted.to_owned()),
            Some(host) if !policy.permits_host(&host) => Err(
                "must be on the public Internet, or in a network of [delivery] allow".to_owned(),
            ),
            Some(_) => Ok(target),
        }
    }

    fn host(&self) -> Option<Host> {
        self.0.host().map(|host| host.to_owned())
    }

    /// Whether it may be sent to, as far as its text says; names are looked at as they are resolved.
    pub(crate) fn is_permitted(&self, policy: &NetworkPolicy) -> bool {
        self.host().is_some_and(|host| policy.permits_host(&host))
    }

    /// All of it. Not for logs, answers or events.
    pub(crate) const fn expose(&self) -> &Url {
        &self.0
    }
}

/// The origin alone.
impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/…", self.0.origin().ascii_serialization())
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// Somebody whom alerts are sent to, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Webhook {
    pub(crate) id: WebhookId,
    pub(crate) name: String,
    pub(crate) url: Target,
    pub(crate) secret: Secret,
    pub(crate) enabled: bool,
    /// The least severity that it is told of.
    pub(crate) least: Severity,
    pub(crate) revision: u64,
    pub(crate) changed_by: String,
    pub(crate) changed_at: Timestamp,
}

/// The same as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(crate) struct WebhookView {
    /// The webhook.
    id: WebhookId,
    /// Its name.
    name: String,
    /// Scheme, host and port of its address: a key may be in the rest.
    url: String,
    /// Whether it is sent anything.
    enabled: bool,
    /// The least severity that it is told of.
    least: Severity,
    /// Raised by every change.
    revision: u64,
    /// Name of who last changed it.
    changed_by: String,
    /// When.
    changed_at: Timestamp,
}

impl From<&Webhook> for WebhookView {
    fn from(webhook: &Webhook) -> Self {
        Self {
            id: webhook.id,
            name: webhook.name.clone(),
            url: webhook.url.to_string(),
            enabled: webhook.enabled,
            least: webhook.least,
            revision: webhook.revision,
            changed_by: webhook.changed_by.clone(),
            changed_at: webhook.changed_at,
        }
    }
}

/// Reads the body of a new webhook.
pub(crate) fn new_webhook(
    body: &Value,
    policy: &NetworkPolicy,
    by: &str,
    now: Timestamp,
) -> Result<Webhook, Faults> {
    let mut faults = Faults::default();
    let webhook = read(body, None, policy, &mut faults).map(|fields| Webhook {
        id: WebhookId::generate(),
        name: fields.name,
        url: fields.url,
        secret: fields.secret,
        enabled: fields.enabled,
        least: fields.least,
        revision: 1,
        changed_by: by.to_owned(),
        changed_at: now,
    });
    checked(webhook, faults)
}

/// The webhook with a JSON merge patch applied; a secret that is absent stays.
pub(crate) fn patched_webhook(
    webhook: &Webhook,
    patch: &Value,
    policy: &NetworkPolicy,
    by: &str,
    now: Timestamp,
) -> Result<Webhook, Faults> {
    let mut faults = Faults::default();
    let changed = read(patch, Some(webhook), policy, &mut faults).map(|fields| Webhook {
        id: webhook.id,
        name: fields.name,
        url: fields.url,
        secret: fields.secret,
        enabled: fields.enabled,
        least: fields.least,
        revision: webhook.revision + 1,
        changed_by: by.to_owned(),
        changed_at: now,
    });
    checked(changed, faults)
}

fn checked(webhook: Option<Webhook>, faults: Faults) -> Result<Webhook, Faults> {
    match webhook {
        Some(webhook) if faults.is_empty() => Ok(webhook),
        Some(_) | None => Err(faults),
    }
}

struct Fields {
    name: String,
    url: Target,
    secret: Secret,
    enabled: bool,
    least: Severity,
}

fn read(
    body: &Value,
    before: Option<&Webhook>,
    policy: &NetworkPolicy,
    faults: &mut Faults,
) -> Option<Fields> {
    let mut members = Members::of(body, "", faults)?;
    let name = match before {
        Some(webhook) => members.or("name", webhook.name.clone(), faults, name),
        None => members.required("name", faults, name),
    };
    let read_url = |value: &Value| {
        let text = text(1, URL_CHARS_MAX, false)(value)?;
        Target::parse(&text, policy).map_err(Fault::Value)
    };
    let url = match before {
        Some(webhook) => members.or("url", webhook.url.clone(), faults, read_url),
        None => members.required("url", faults, read_url),
    };
    let secret = match before {
        Some(webhook) => members.or("secret", webhook.secret.clone(), faults, secret),
        None => members.required("secret", faults, secret),
    };
    let enabled = before.is_none_or(|webhook| webhook.enabled);
    let enabled = members.or("enabled", enabled, faults, boolean);
    let least = before.map_or(Severity::Warning, |webhook| webhook.least);
    let least = members.or("least", least, faults, parsed);
    members.finish(faults);
    Some(Fields {
        name: name?,
        url: url?,
        secret: secret?,
        enabled: enabled?,
        least: least?,
    })
}

fn name(value: &Value) -> Result<String, Fault> {
    text(1, NAME_CHARS_MAX, false)(value)
}

fn secret(value: &Value) -> Result<Secret, Fault> {
    let (min, max) = SECRET_CHARS;
    text(min, max, false)(value).map(Secret::from)
}

/// The text of a webhook with nothing in it, for tests of others.
#[cfg(test)]
pub(crate) fn body_of(url: &str) -> Value {
    let mut body = serde_json::Map::new();
    body.insert("name".to_owned(), "pager".into());
    body.insert("url".to_owned(), url.into());
    body.insert("secret".to_owned(), "sixteen letters.".into());
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(0);

    fn read(body: &Value) -> Result<Webhook, Faults> {
        new_webhook(body, &NetworkPolicy::default(), "olga", NOW)
    }

    #[test]
    fn only_the_public_internet_is_sent_to() {
        for (url, fine) in [
            ("https://example.org/hooks/key", true),
            ("http://example.org:8080/", true),
            ("http://127.0.0.1/", false),
            ("http://2130706433/", false),
            ("http://[::1]/", false),
            ("http://[::ffff:10.0.0.1]/", false),
            ("http://169.254.169.254/latest", false),
            ("ftp://example.org/", false),
            ("https://user@example.org/", false),
            ("https://:pass@example.org/", false),
            ("example.org", false),
        ] {
            assert_eq!(read(&body_of(url)).is_ok(), fine, "{url}");
        }
        let allowed = NetworkPolicy {
            allow: vec!["127.0.0.0/8".parse().unwrap()],
        };
        let local = body_of("http://127.0.0.1:9000/x");
        assert!(new_webhook(&local, &allowed, "olga", NOW).is_ok());
    }

    #[test]
    fn neither_the_secret_nor_the_path_is_shown() {
        let webhook = read(&body_of("https://example.org/hooks/planted")).unwrap();
        let view = serde_json::to_string(&WebhookView::from(&webhook)).unwrap();
        for text in [view, format!("{webhook:?}")] {
            assert!(!text.contains("planted"), "{text}");
            assert!(!text.contains("sixteen"), "{text}");
        }
        let kept = serde_json::to_string(&webhook).unwrap();
        assert_eq!(serde_json::from_str::<Webhook>(&kept).unwrap(), webhook);
    }

    #[test]
    fn what_a_patch_leaves_out_stays() {
        let policy = NetworkPolicy::default();
        let webhook = read(&body_of("https://example.org/a")).unwrap();
        let patch = json!({"least": "critical", "enabled": false});
        let patched = patched_webhook(&webhook, &patch, &policy, "eva", NOW).unwrap();
        assert_eq!(patched.secret, webhook.secret);
        assert_eq!((patched.revision, patched.enabled), (2, false));
        assert_eq!(patched.changed_by, "eva");
        let bad = json!({"secret": "short", "url": "x", "id": "y"});
        let faults = patched_webhook(&webhook, &bad, &policy, "eva", NOW).unwrap_err();
        assert_eq!(faults.errors().len(), 3);
    }
}
