//! The route table of api-gateway.

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
mod resources;
mod users;

use std::sync::Arc;

use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, ServiceConfig};
use jsonwebtoken::jwk::JwkSet;
use sm_bus::Bus;
use sm_common::clock::SharedClock;
use sm_service_kit::limits::{Class, Methods, Rule};
use utoipa::OpenApi;

use crate::config::Config;
use crate::console::Console;
use crate::documents::Documents;
use crate::passwords::Passwords;
use crate::resources::History;
use crate::sign_in::{SignIns, Tickets};
use crate::users::Users;

/// What handlers work with.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) bus: Bus,
    pub(crate) clock: SharedClock,
    pub(crate) jwks: JwkSet,
    pub(crate) sign_ins: SignIns,
    pub(crate) users: Users,
    pub(crate) passwords: Passwords,
    pub(crate) tickets: Tickets,
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
            .service(web::resource("/api/auth/refresh").post(auth::refresh))
            .service(web::resource("/api/auth/logout").post(auth::logout))
            .service(web::resource("/api/auth/me").get(auth::read_me))
            .service(web::resource("/api/auth/ws-ticket").post(auth::create_ws_ticket))
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
        auth::refresh,
        auth::logout,
        auth::read_me,
        auth::create_ws_ticket,
        users::list_users,
        users::create_user,
        users::update_user,
        users::delete_user,
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
