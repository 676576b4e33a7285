//! The route table of api-gateway.

mod audit;
mod auth;
mod caller;
mod client;
mod console;
mod cors;
mod documents;
mod error;
mod headers;
mod health;
mod keys;
mod machine_keys;
mod password;
mod resources;
mod second_factor;
mod sessions;
mod users;

use std::sync::Arc;

use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, ServiceConfig};
use sm_bus::{Bus, BusError};
use sm_common::clock::SharedClock;
use sm_service_kit::limits::{Class, Methods, Rule};
use utoipa::OpenApi;

use crate::audit::Trail;
use crate::config::Config;
use crate::console::Console;
use crate::documents::Documents;
use crate::machine_keys::MachineKeys;
use crate::origin::Origin;
use crate::passwords::Passwords;
use crate::resources::History;
use crate::sign_in::{SignIns, Tickets};
use crate::tokens::AccessToken;
use crate::users::{Links, Users};

/// A key was not exchanged for a token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("the access token cannot be signed")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// What handlers work with.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) bus: Bus,
    pub(crate) clock: SharedClock,
    pub(crate) sign_ins: SignIns,
    pub(crate) users: Users,
    pub(crate) passwords: Passwords,
    pub(crate) tickets: Tickets,
    pub(crate) trail: Trail,
    pub(crate) links: Links,
    pub(crate) machine_keys: MachineKeys,
    pub(crate) history: History,
    pub(crate) console: Console,
    pub(crate) documents: Documents,
}

/// Requests that are more than their method says.
pub(crate) const LIMITS: &[Rule] = &[
    Rule {
        prefix: "/api/auth/login",
        methods: Methods::All,
        class: Some(Class::Login),
    },
    Rule {
        prefix: "/api/auth/refresh",
        methods: Methods::All,
        class: Some(Class::Login),
    },
];

impl Context {
    /// Where a request comes from, as far as that is kept.
    fn origin(&self, client: &client::Client) -> Origin {
        client.origin(self.config.sessions.addresses)
    }

    /// The token of a machine's key; `None` when it is none that is valid now.
    pub(crate) async fn exchange(&self, key: &str) -> Result<Option<AccessToken>, ExchangeError> {
        let Some(key) = self.machine_keys.used(key).await? else {
            return Ok(None);
        };
        Ok(Some(self.sign_ins.access.issue_for_key(&key)?))
    }
}

/// Every path of this service.
pub(crate) fn routes(context: Context) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    let proxies = client::TrustedProxies::new(&context.config);
    let origins = cors::Origins::new(&context.config.cors);
    let context = Data::from(Arc::new(context));
    move |config| {
        let all = web::scope("")
            .app_data(context.clone())
            .app_data(proxies.clone())
            .app_data(origins.clone())
            .wrap(from_fn(headers::secure))
            .wrap(from_fn(cors::allow))
            .service(web::resource("/api/auth/login").post(auth::login))
            .service(web::resource("/api/auth/login/second-factor").post(auth::login_second_factor))
            .service(web::resource("/api/auth/refresh").post(auth::refresh))
            .service(web::resource("/api/auth/logout").post(auth::logout))
            .service(web::resource("/api/auth/me").get(auth::read_me))
            .service(web::resource("/api/auth/ws-ticket").post(auth::create_ws_ticket))
            .service(
                web::resource("/api/auth/sessions")
                    .get(sessions::list_own_sessions)
                    .delete(sessions::end_own_sessions),
            )
            .service(
                web::resource("/api/auth/sessions/{session}").delete(sessions::end_own_session),
            )
            .service(
                web::resource("/api/auth/second-factor")
                    .get(second_factor::read_second_factor)
                    .post(second_factor::begin_second_factor),
            )
            .service(
                web::resource("/api/auth/second-factor/confirm")
                    .post(second_factor::confirm_second_factor),
            )
            .service(
                web::resource("/api/auth/second-factor/remove")
                    .post(second_factor::remove_second_factor),
            )
            .service(
                web::resource("/api/auth/second-factor/recovery-codes")
                    .post(second_factor::renew_recovery_codes),
            )
            .service(web::resource("/api/auth/password").post(password::change_own_password))
            .service(web::resource("/api/auth/password-link").post(password::choose_password))
            .service(
                web::resource("/api/auth/keys")
                    .get(machine_keys::list_keys)
                    .post(machine_keys::create_key),
            )
            .service(web::resource("/api/auth/keys/{id}").delete(machine_keys::revoke_key))
            .service(web::resource("/api/auth/token").post(machine_keys::exchange_key))
            .service(web::resource("/api/auth/audit").get(audit::read_security_audit))
            .service(
                web::resource("/api/users")
                    .get(users::list_users)
                    .post(users::create_user),
            )
            .service(
                web::resource("/api/users/{username}")
                    .patch(users::update_user)
                    .delete(users::delete_user),
            )
            .service(
                web::resource("/api/users/{username}/sessions")
                    .get(sessions::list_user_sessions)
                    .delete(sessions::end_user_sessions),
            )
            .service(
                web::resource("/api/users/{username}/sessions/{session}")
                    .delete(sessions::end_user_session),
            )
            .service(
                web::resource("/api/users/{username}/second-factor")
                    .delete(second_factor::reset_second_factor),
            )
            .service(
                web::resource("/api/users/{username}/password-link")
                    .post(password::create_password_link),
            )
            .service(web::resource("/api/resources").get(resources::read_resources))
            .service(web::resource("/api/health").get(health::read_health))
            .service(web::resource("/api/openapi.json").get(documents::openapi))
            .service(web::resource("/api/docs").get(documents::page))
            .service(web::resource("/api/docs/script.js").get(documents::script))
            .service(web::resource("/api/docs/style.css").get(documents::style))
            .service(web::resource("/docs/problems").get(documents::problems))
            .service(web::resource("/.well-known/jwks.json").get(keys::read_keys))
            .service(web::resource("/version.json").get(console::read_version))
            .default_service(web::to(console::serve));
        config.service(all);
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "api-gateway", description = "Identities, and views of the whole system."),
    paths(
        auth::login,
        auth::login_second_factor,
        auth::refresh,
        auth::logout,
        auth::read_me,
        auth::create_ws_ticket,
        sessions::list_own_sessions,
        sessions::end_own_sessions,
        sessions::end_own_session,
        second_factor::read_second_factor,
        second_factor::begin_second_factor,
        second_factor::confirm_second_factor,
        second_factor::remove_second_factor,
        second_factor::renew_recovery_codes,
        password::change_own_password,
        password::choose_password,
        machine_keys::list_keys,
        machine_keys::create_key,
        machine_keys::revoke_key,
        machine_keys::exchange_key,
        audit::read_security_audit,
        users::list_users,
        users::create_user,
        users::update_user,
        users::delete_user,
        sessions::list_user_sessions,
        sessions::end_user_sessions,
        sessions::end_user_session,
        second_factor::reset_second_factor,
        password::create_password_link,
        resources::read_resources,
        health::read_health,
        keys::read_keys,
        console::read_version,
    ),
    tags((name = "api-gateway", description = "Sign in, manage people, and look at the whole system."))
)]
struct Document;

/// The OpenAPI document of this service.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// The same as JSON.
pub(crate) fn openapi_json() -> String {
    openapi().to_pretty_json().unwrap_or_default()
}
