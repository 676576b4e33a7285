use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::Context;
use super::console::revalidated;

/// The OpenAPI document of all services together.
pub(super) async fn openapi(request: HttpRequest, context: Data<Context>) -> HttpResponse {
    revalidated(&request, &context.documents.openapi)
}

/// A page to read it.
pub(super) async fn page(request: HttpRequest, context: Data<Context>) -> HttpResponse {
    revalidated(&request, &context.documents.page)
}

/// The page's script.
pub(super) async fn script(request: HttpRequest, context: Data<Context>) -> HttpResponse {
    revalidated(&request, &context.documents.script)
}

/// The style of all pages here.
pub(super) async fn style(request: HttpRequest, context: Data<Context>) -> HttpResponse {
    revalidated(&request, &context.documents.style)
}

/// Every problem that an error can be.
pub(super) async fn problems(request: HttpRequest, context: Data<Context>) -> HttpResponse {
    revalidated(&request, &context.documents.problems)
}
