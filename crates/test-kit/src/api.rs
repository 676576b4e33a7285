use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value;

/// A REST client with a token.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    base: String,
    token: Option<String>,
    host: Option<String>,
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The body as JSON; null when it is not JSON.
    pub body: Value,
    /// The body as text.
    pub text: String,
}

impl Api {
    /// A client without a token for paths under `base`.
    pub fn new(base: impl Into<String>) -> Self {
        Self {
            client: Client::new(),
            base: base.into(),
            token: None,
            host: None,
        }
    }

    /// The same with a token.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self {
            token: Some(token.into()),
            ..self.clone()
        }
    }

    /// The same, asking for `host`, whatever the address is.
    #[must_use]
    pub fn with_host(&self, host: impl Into<String>) -> Self {
        Self {
            host: Some(host.into()),
            ..self.clone()
        }
    }

    /// A request to `path`, to be completed and given to [`Self::send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(host) = &self.host {
            request = request.header("host", host);
        }
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.expect("the service answers")
    }

    /// GET; `None` while nobody answers.
    pub async fn try_get(&self, path: &str) -> Option<Answer> {
        self.try_send(self.request(Method::GET, path)).await
    }

    /// Sends a request; `None` where nobody answers, or not to the end.
    pub async fn try_send(&self, request: RequestBuilder) -> Option<Answer> {
        let answer = request.send().await.ok()?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.ok()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Some(Answer {
            status,
            headers,
            body,
            text,
        })
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// GET of bytes; panics when the answer is not a success.
    pub async fn get_bytes(&self, path: &str) -> Vec<u8> {
        let answer = self
            .request(Method::GET, path)
            .send()
            .await
            .expect("the service answers");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer
            .bytes()
            .await
            .expect("the answer arrives whole")
            .to_vec()
    }

    /// POST of a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// PUT of a JSON body with `If-Match`.
    pub async fn put(&self, path: &str, etag: &str, body: &Value) -> Answer {
        self.send(
            self.request(Method::PUT, path)
                .header("if-match", etag)
                .json(body),
        )
        .await
    }

    /// PATCH with `If-Match`.
    pub async fn patch(&self, path: &str, etag: &str, body: &Value) -> Answer {
        self.send(
            self.request(Method::PATCH, path)
                .header("if-match", etag)
                .json(body),
        )
        .await
    }

    /// DELETE with `If-Match`.
    pub async fn delete(&self, path: &str, etag: &str) -> Answer {
        self.send(self.request(Method::DELETE, path).header("if-match", etag))
            .await
    }
}

impl Answer {
    /// Asserts the status, showing the body when it is another.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// Asserts that this is a problem with this status and code.
    pub fn expect_problem(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{}",
            answer.text
        );
        assert_eq!(
            answer.body.get("code").unwrap_or(&Value::Null),
            code,
            "{}",
            answer.text
        );
        answer
    }

    /// A header's text; empty when absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}
