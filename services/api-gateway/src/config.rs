//! The settings of api-gateway.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sm_bus::BusConfig;
use sm_common::auth::Role;
use sm_service_kit::config::{
    AuthConfig, EventHandlerConfig, HttpConfig, KitConfig, OpsConfig, ServiceConfig,
    TelemetryConfig,
};

use crate::origin::AddressPolicy;
use crate::users::Username;

/// Longest lifetime of an access token: nobody can take one back.
const ACCESS_LIFETIME_S_MAX: u64 = 900;

/// All settings; `config/default.toml` says what each is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    http: HttpConfig,
    ops: OpsConfig,
    auth: AuthConfig,
    telemetry: TelemetryConfig,
    event_handler: EventHandlerConfig,
    /// `[redis]`
    pub(crate) redis: BusConfig,
    /// `[signing]`
    pub(crate) signing: SigningConfig,
    /// `[sessions]`
    pub(crate) sessions: SessionsConfig,
    /// `[audit]`
    pub(crate) audit: AuditConfig,
    /// `[tickets]`
    pub(crate) tickets: TicketsConfig,
    /// `[passwords]`
    pub(crate) passwords: PasswordsConfig,
    /// `[sign_in]`
    pub(crate) sign_in: SignInConfig,
    /// `[second_factor]`
    pub(crate) second_factor: SecondFactorConfig,
    /// `[users]`
    pub(crate) users: UsersConfig,
    /// `[machine_keys]`
    pub(crate) machine_keys: MachineKeysConfig,
    /// `[first_admin]`
    pub(crate) first_admin: FirstAdminConfig,
    /// `[resources]`
    pub(crate) resources: ResourcesConfig,
    /// `[health]`
    pub(crate) health: HealthConfig,
    /// `[console]`
    pub(crate) console: ConsoleConfig,
    /// `[cors]`
    pub(crate) cors: CorsConfig,
}

/// `[signing]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SigningConfig {
    pub(crate) key_file: PathBuf,
    pub(crate) previous_key_file: PathBuf,
    pub(crate) directory: PathBuf,
    pub(crate) publish_s: u64,
    pub(crate) reload_ms: u64,
    #[serde(deserialize_with = "access_lifetime")]
    pub(crate) access_lifetime_s: u64,
}

/// `[sessions]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionsConfig {
    pub(crate) idle_s: u64,
    pub(crate) lifetime_s: u64,
    pub(crate) per_user_max: usize,
    pub(crate) addresses: AddressPolicy,
}

/// `[audit]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditConfig {
    pub(crate) actions_max: usize,
    pub(crate) attempts_max: usize,
    pub(crate) keep_days: u64,
    pub(crate) page_max: usize,
}

/// `[tickets]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TicketsConfig {
    pub(crate) lifetime_s: u64,
}

/// `[passwords]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordsConfig {
    pub(crate) chars_min: usize,
    pub(crate) chars_max: usize,
    pub(crate) breached_file: PathBuf,
    pub(crate) memory_kib: u32,
    pub(crate) iterations: u32,
    pub(crate) lanes: u32,
    pub(crate) concurrent_max: usize,
    pub(crate) waiting_max: usize,
}

/// `[second_factor]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecondFactorConfig {
    pub(crate) issuer: String,
    pub(crate) required_for: Vec<Role>,
    pub(crate) challenge_s: u64,
    pub(crate) attempts_max: u64,
    pub(crate) failures_max: u64,
    pub(crate) window_s: u64,
    pub(crate) draft_s: u64,
    pub(crate) recovery_codes: usize,
}

impl SecondFactorConfig {
    pub(crate) const fn window(&self) -> Duration {
        Duration::from_secs(self.window_s)
    }

    /// Whether people of this role sign in with a second factor alone.
    pub(crate) fn is_required_for(&self, role: Role) -> bool {
        self.required_for.contains(&role)
    }
}

/// `[sign_in]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInConfig {
    pub(crate) window_s: u64,
    pub(crate) failures_per_name_max: u64,
    pub(crate) failures_per_address_max: u64,
}

/// `[users]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UsersConfig {
    pub(crate) count_max: usize,
    pub(crate) link_s: u64,
}

/// `[machine_keys]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MachineKeysConfig {
    pub(crate) count_max: usize,
    pub(crate) days_max: u64,
}

/// `[first_admin]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FirstAdminConfig {
    pub(crate) username: Username,
    pub(crate) password_file: PathBuf,
    #[serde(deserialize_with = "password", serialize_with = "hidden")]
    pub(crate) password: SecretString,
    pub(crate) file: PathBuf,
}

/// `[resources]`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResourcesConfig {
    pub(crate) sample_interval_s: u64,
    pub(crate) samples_max: usize,
}

/// `[health]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HealthConfig {
    pub(crate) expected_services: Vec<String>,
    pub(crate) stale_after_s: u64,
}

/// `[console]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsoleConfig {
    pub(crate) directory: PathBuf,
}

/// `[cors]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CorsConfig {
    pub(crate) origins: Vec<String>,
}

impl SigningConfig {
    pub(crate) const fn publish(&self) -> Duration {
        Duration::from_secs(self.publish_s)
    }

    pub(crate) fn reload(&self) -> Duration {
        Duration::from_millis(self.reload_ms.max(1))
    }

    pub(crate) const fn access_lifetime(&self) -> Duration {
        Duration::from_secs(self.access_lifetime_s)
    }
}

impl SessionsConfig {
    pub(crate) const fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_s)
    }

    pub(crate) const fn lifetime(&self) -> Duration {
        Duration::from_secs(self.lifetime_s)
    }
}

impl AuditConfig {
    pub(crate) const fn keep(&self) -> Duration {
        Duration::from_hours(self.keep_days.saturating_mul(24))
    }
}

impl TicketsConfig {
    pub(crate) const fn lifetime(self) -> Duration {
        Duration::from_secs(self.lifetime_s)
    }
}

impl SignInConfig {
    pub(crate) const fn window(&self) -> Duration {
        Duration::from_secs(self.window_s)
    }
}

impl ResourcesConfig {
    pub(crate) fn sample_interval(&self) -> Duration {
        Duration::from_secs(self.sample_interval_s.max(1))
    }
}

impl HealthConfig {
    pub(crate) const fn stale_after(&self) -> Duration {
        Duration::from_secs(self.stale_after_s)
    }
}

impl ServiceConfig for Config {
    fn kit(&self) -> KitConfig {
        KitConfig {
            http: self.http.clone(),
            ops: self.ops.clone(),
            auth: self.auth.clone(),
            telemetry: self.telemetry.clone(),
            event_handler: self.event_handler.clone(),
        }
    }
}

fn access_lifetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    if (1..=ACCESS_LIFETIME_S_MAX).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(de::Error::custom(format!(
            "{seconds} is not within 1 to {ACCESS_LIFETIME_S_MAX}"
        )))
    }
}

/// A password as it was written. A value of the environment that reads as a number has lost its
/// spelling ("0123" is 123): refused rather than changed.
fn password<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    struct Text;

    impl de::Visitor<'_> for Text {
        type Value = SecretString;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a password; put one that reads as a number into password_file")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretString, E> {
            Ok(SecretString::from(text))
        }

        // The default messages of the other kinds would show the value.
        fn visit_i64<E: de::Error>(self, _value: i64) -> Result<SecretString, E> {
            Err(E::invalid_type(de::Unexpected::Other("a number"), &self))
        }

        fn visit_u64<E: de::Error>(self, _value: u64) -> Result<SecretString, E> {
            Err(E::invalid_type(de::Unexpected::Other("a number"), &self))
        }

        fn visit_f64<E: de::Error>(self, _value: f64) -> Result<SecretString, E> {
            Err(E::invalid_type(de::Unexpected::Other("a number"), &self))
        }

        fn visit_bool<E: de::Error>(self, _value: bool) -> Result<SecretString, E> {
            Err(E::invalid_type(
                de::Unexpected::Other("a truth value"),
                &self,
            ))
        }
    }

    deserializer.deserialize_any(Text)
}

fn hidden<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if secret.expose_secret().is_empty() {
        ""
    } else {
        "(hidden)"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(environment: &[(&str, &str)]) -> Result<Config, String> {
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        sm_service_kit::config::load(crate::ABOUT.default_config, None, &environment)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_shipped_defaults_are_complete() {
        let config = load(&[]).unwrap();
        assert_eq!(config.signing.access_lifetime_s, 900);
        assert_eq!(config.health.expected_services.len(), 6);
    }

    #[test]
    fn a_password_is_never_shown() {
        let config = load(&[("SM__FIRST_ADMIN__PASSWORD", "correct horse")]).unwrap();
        assert_eq!(config.first_admin.password.expose_secret(), "correct horse");
        assert!(!serde_json::to_string(&config).unwrap().contains("correct"));
        assert!(!format!("{config:?}").contains("correct"));
    }

    #[test]
    fn a_password_that_reads_as_a_number_is_refused_without_showing_it() {
        let error = load(&[("SM__FIRST_ADMIN__PASSWORD", "0123456789")]).unwrap_err();
        assert!(error.contains("password_file"), "{error}");
        assert!(!error.contains("123456789"), "{error}");
    }

    #[test]
    fn an_access_token_lives_a_quarter_of_an_hour_at_most() {
        let error = load(&[("SM__SIGNING__ACCESS_LIFETIME_S", "3600")]).unwrap_err();
        assert!(error.contains("signing.access_lifetime_s"), "{error}");
    }

    #[test]
    fn lists_and_the_plain_variable_are_read_from_the_environment() {
        let config = load(&[
            ("CONSOLE_DIR", "/srv/console"),
            ("SM__CORS__ORIGINS", "https://a.example,https://b.example"),
            ("SM__HEALTH__EXPECTED_SERVICES", "api-gateway"),
        ])
        .unwrap();
        assert_eq!(config.console.directory, PathBuf::from("/srv/console"));
        assert_eq!(config.cors.origins.len(), 2);
        assert_eq!(config.health.expected_services, ["api-gateway"]);
    }
}
