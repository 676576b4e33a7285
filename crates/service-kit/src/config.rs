//! Configuration: documented defaults, then a file, then the environment. Unknown keys are
//! refused; nothing falls back silently.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::config::{Config, Environment, File, FileFormat, Map, Source as _, Value, ValueKind};
use ipnet::IpNet;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::limits::LimitsConfig;

/// Variables without a prefix, most of the origin system, and the setting each stands for.
const ORIGIN_VARIABLES: [(&str, &str); 7] = [
    ("PORT", "http.port"),
    ("WS_PORT", "ws.port"),
    ("METRICS_PORT", "ops.metrics_port"),
    ("HEALTH_PORT", "ops.health_port"),
    ("EVENT_HANDLER_URL", "event_handler.url"),
    ("PUBLIC_VIEW", "auth.public_view"),
    ("CONSOLE_DIR", "console.directory"),
];
/// Prefix of every other variable: `SM__HTTP__PORT` stands for `http.port`.
const PREFIX: &str = "SM";
/// Names the file, where no argument does.
const FILE_VARIABLE: &str = "SM_CONFIG_FILE";

/// Settings cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A source cannot be read, or a value is not acceptable.
    #[error("configuration: {0}")]
    Read(#[from] ::config::ConfigError),
    /// A key is unknown, or its value is of the wrong form.
    #[error("configuration: {path}: {source}")]
    Value {
        /// The key.
        path: String,
        /// What is wrong.
        source: ::config::ConfigError,
    },
}

/// `[http]`: the API's listener and its limits.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Address to listen on, for all ports of the process.
    pub bind: IpAddr,
    /// Port of the API; 0 lets the system choose.
    pub port: u16,
    /// Threads that serve requests.
    pub workers: usize,
    /// Longest time a client may take to send its request's head, in milliseconds.
    pub head_timeout_ms: u64,
    /// Longest time a client may take to send a JSON body, in milliseconds.
    pub body_timeout_ms: u64,
    /// Largest JSON body, in bytes.
    pub json_bytes_max: usize,
    /// Most objects and lists within each other in a JSON body.
    pub json_depth_max: usize,
    /// Most open connections for each thread.
    pub connections_max: usize,
    /// How long to go on serving after readiness has failed, in milliseconds: longer than the
    /// load balancer needs to notice.
    pub drain_ms: u64,
    /// How long running requests may take at the end, in seconds.
    pub shutdown_timeout_s: u64,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `[http.limits]`
    pub limits: LimitsConfig,
}

/// `[ops]`: metrics and health.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpsConfig {
    /// Port of `/metrics`; 0 lets the system choose.
    pub metrics_port: u16,
    /// Port of `/health`; 0 lets the system choose.
    pub health_port: u16,
    /// Networks that may read `/metrics` and `/health` without a token.
    pub networks: Vec<IpNet>,
    /// Distance between two checks of a dependency, in milliseconds.
    pub check_interval_ms: u64,
    /// Longest time a dependency may take to answer a check, in milliseconds.
    pub check_timeout_ms: u64,
    /// Distance between two reports of what the process uses, in milliseconds.
    pub report_interval_ms: u64,
}

/// `[auth]`: how callers are recognised.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// The issuer that tokens must name.
    pub issuer: String,
    /// The audience that tokens must name.
    pub audience: String,
    /// Where the public keys are read; empty for the issuer itself.
    pub jwks_url: String,
    /// Clock difference that is forgiven, in seconds; at most 30.
    pub leeway_s: u64,
    /// Distance between two reads of the public keys, in seconds.
    pub jwks_refresh_s: u64,
    /// Distance between two looks for sign-ins that were ended, in milliseconds.
    pub revocations_every_ms: u64,
    /// Whether anybody may watch and read the stream's state.
    pub public_view: bool,
}

/// `[telemetry]`: logs and traces.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    /// Log filter, such as `info` or `info,sm_bus=debug`.
    pub log: String,
    /// OTLP endpoint over HTTP, such as `http://collector:4318/v1/traces`; empty for none.
    pub otlp_endpoint: String,
}

/// `[event_handler]`: the origin system's event handler beside this one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventHandlerConfig {
    /// Its health address; empty when there is none.
    pub url: String,
}

/// The sections that every service has.
#[derive(Clone, Debug)]
pub struct KitConfig {
    /// `[http]`
    pub http: HttpConfig,
    /// `[ops]`
    pub ops: OpsConfig,
    /// `[auth]`
    pub auth: AuthConfig,
    /// `[telemetry]`
    pub telemetry: TelemetryConfig,
    /// `[event_handler]`
    pub event_handler: EventHandlerConfig,
}

/// A service's whole configuration.
pub trait ServiceConfig: DeserializeOwned + Serialize {
    /// The sections that every service has.
    fn kit(&self) -> KitConfig;
}

/// The environment of the process; the one place that reads it.
pub fn process_environment() -> BTreeMap<String, String> {
    std::env::vars().collect()
}

/// Reads a configuration: `defaults`, then `file` (or the one that the environment names), then
/// the environment.
pub fn load<C: DeserializeOwned>(
    defaults: &str,
    file: Option<&Path>,
    environment: &BTreeMap<String, String>,
) -> Result<C, ConfigError> {
    let mut builder = Config::builder().add_source(File::from_str(defaults, FileFormat::Toml));
    let file = file
        .map(PathBuf::from)
        .or_else(|| environment.get(FILE_VARIABLE).map(PathBuf::from));
    if let Some(file) = file {
        builder = builder.add_source(File::from(file).format(FileFormat::Toml));
    }
    // An origin variable that this service has no setting for is meant for another one.
    let known = Config::builder()
        .add_source(File::from_str(defaults, FileFormat::Toml))
        .build()?;
    for (variable, key) in ORIGIN_VARIABLES {
        if let Some(value) = environment.get(variable).filter(|value| !value.is_empty())
            && known.get::<Value>(key).is_ok()
        {
            builder = builder.set_override(key, value.as_str())?;
        }
    }
    let ours = environment
        .iter()
        .filter(|(name, _)| name.starts_with("SM__"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut variables = Environment::with_prefix(PREFIX)
        .prefix_separator("__")
        .separator("__")
        .try_parsing(true)
        .list_separator(",");
    for list in lists("", &known.collect()?) {
        variables = variables.with_list_parse_key(&list);
    }
    builder = builder.add_source(variables.source(Some(ours)));
    serde_path_to_error::deserialize(builder.build()?).map_err(|error| ConfigError::Value {
        path: error.path().to_string(),
        source: error.into_inner(),
    })
}

/// The keys of all lists: what stands for them in the environment is split at its commas.
fn lists(prefix: &str, table: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "every other kind is a plain value"
        )]
        match &value.kind {
            ValueKind::Array(_) => found.push(key),
            ValueKind::Table(inner) => found.extend(lists(&format!("{key}."), inner)),
            _ => {}
        }
    }
    found
}

impl HttpConfig {
    /// How long to go on serving after readiness has failed.
    pub const fn drain(&self) -> Duration {
        Duration::from_millis(self.drain_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        http: Section,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Section {
        port: u16,
        name: String,
        hosts: Vec<String>,
    }

    const DEFAULTS: &str = "[http]\nport = 4200\nname = \"a\"\nhosts = []\n";

    fn read(environment: &[(&str, &str)]) -> Result<Sample, ConfigError> {
        let environment = environment
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        load(DEFAULTS, None, &environment)
    }

    #[test]
    fn the_environment_wins_over_the_defaults() {
        let sample = read(&[("SM__HTTP__NAME", "b"), ("PORT", "7")]).unwrap();
        assert_eq!((sample.http.port, sample.http.name.as_str()), (7, "b"));
    }

    #[test]
    fn every_list_of_the_defaults_can_be_set_in_the_environment() {
        let hosts = |text| read(&[("SM__HTTP__HOSTS", text)]).unwrap().http.hosts;
        assert_eq!(hosts("a,b"), ["a", "b"]);
        assert_eq!(hosts("a"), ["a"]);
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = read(&[("SM__HTTP__PROT", "7")]).unwrap_err().to_string();
        assert!(error.contains("prot"), "{error}");
    }

    #[test]
    fn a_value_of_the_wrong_form_names_its_key() {
        let error = read(&[("SM__HTTP__PORT", "many")]).unwrap_err().to_string();
        assert!(error.contains("http.port"), "{error}");
    }

    #[test]
    fn an_origin_variable_without_a_setting_here_is_for_another_service() {
        assert!(read(&[("WS_PORT", "4201")]).is_ok());
    }
}
