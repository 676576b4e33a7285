use std::future::Future;

tokio::task_local! {
    static CURRENT: RequestContext;
}

/// What is known of the request that is being answered, wherever in its handling.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// The request's identifier, sent back as `X-Request-Id`.
    pub request_id: String,
    /// Its W3C trace, where there is one.
    pub trace_id: Option<String>,
    /// Its W3C trace context, to be passed on.
    pub traceparent: Option<String>,
}

impl RequestContext {
    /// The context of the request being answered by this task.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// The trace context to pass on, such as into an event.
    pub fn current_traceparent() -> Option<String> {
        CURRENT
            .try_with(|context| context.traceparent.clone())
            .ok()
            .flatten()
    }

    pub(crate) async fn scope<F: Future>(self, answer: F) -> F::Output {
        CURRENT.scope(self, answer).await
    }
}
