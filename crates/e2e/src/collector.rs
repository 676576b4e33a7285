use std::sync::{Arc, Mutex};

use actix_web::web::{Bytes, Data, PayloadConfig, post};
use actix_web::{App, HttpResponse, HttpServer};

/// Largest batch of spans that is taken, in bytes.
const BATCH_BYTES_MAX: usize = 32 << 20;

type Batches = Arc<Mutex<Vec<Bytes>>>;

/// Takes traces over OTLP/HTTP, as a collector does, and keeps them as they came.
#[derive(Clone, Debug)]
pub struct Collector {
    url: String,
    batches: Batches,
}

impl Collector {
    /// Listens on a free port of 127.0.0.1 for as long as the test runs.
    pub fn start() -> Self {
        let batches = Batches::default();
        let kept = Data::new(Arc::clone(&batches));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(kept.clone())
                .app_data(PayloadConfig::new(BATCH_BYTES_MAX))
                .route("/v1/traces", post().to(keep))
        })
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
        let address = server.addrs()[0];
        tokio::spawn(server.run());
        Self {
            url: format!("http://{address}/v1/traces"),
            batches,
        }
    }

    /// The address for `telemetry.otlp_endpoint`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many batches have come.
    pub fn batches(&self) -> usize {
        self.batches.lock().unwrap().len()
    }

    /// Whether anything that was sent holds this text.
    pub fn has_text(&self, text: &str) -> bool {
        let batches = self.batches.lock().unwrap();
        batches.iter().any(|batch| holds(batch, text.as_bytes()))
    }

    /// Whether `service` has sent a span of this trace: its batches carry the service's name as
    /// text, and each span the sixteen bytes of its trace.
    pub fn has_span(&self, service: &str, trace: u128) -> bool {
        let trace = trace.to_be_bytes();
        let batches = self.batches.lock().unwrap();
        batches
            .iter()
            .any(|batch| holds(batch, service.as_bytes()) && holds(batch, &trace))
    }
}

async fn keep(kept: Data<Batches>, batch: Bytes) -> HttpResponse {
    kept.lock().unwrap().push(batch);
    HttpResponse::Ok()
        .content_type("application/x-protobuf")
        .finish()
}

fn holds(batch: &[u8], part: &[u8]) -> bool {
    batch.windows(part.len()).any(|window| window == part)
}
