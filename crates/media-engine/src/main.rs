//! `media-worker`: started by stream-engine, one for each stream on air; and by layer-service, to look
//! into an uploaded video or sound.

use std::io;
use std::process::ExitCode;

use sm_common::id::StreamId;
use sm_media_engine::Log;
use sm_media_protocol::FinishReason;
use tracing_subscriber::EnvFilter;

/// The exit code for a configuration that cannot be carried out (`EX_CONFIG`).
const EXIT_CONFIG: u8 = 78;

/// The argument that makes this process a renderer of a web page: no name of a stream.
const RENDER_WEB: &str = "--render-web";

fn main() -> ExitCode {
    let stream = std::env::args().nth(1).unwrap_or_default();
    if stream == RENDER_WEB {
        return match sm_media_engine::render_web() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_untold) => ExitCode::FAILURE,
        };
    }
    if stream == sm_probe::ARGUMENT {
        return sm_media_engine::probe(std::env::args().nth(2));
    }
    // It becomes part of every line of the log.
    let stream = stream.parse::<StreamId>().unwrap_or_default();
    let Ok(log) = Log::start(stream.as_str(), io::stderr()) else {
        return ExitCode::FAILURE;
    };
    // The level comes from the host's own setting, which the worker inherits.
    let filter = EnvFilter::builder()
        .with_env_var("SM__TELEMETRY__LOG")
        .with_default_directive(tracing::Level::INFO.into())
        .from_env_lossy();
    let lines = log.clone();
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_writer(move || lines.clone())
        .init();
    sm_media_engine::lead_group();
    sm_media_engine::prefer();
    let finished = sm_media_engine::socket().and_then(sm_media_engine::run);
    let code = match finished {
        Ok(FinishReason::Stopped | FinishReason::HostGone) => ExitCode::SUCCESS,
        Ok(FinishReason::ConfigurationRefused { .. }) => ExitCode::from(EXIT_CONFIG),
        Ok(FinishReason::PipelineFailed { .. }) => ExitCode::FAILURE,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    };
    log.flush();
    code
}
