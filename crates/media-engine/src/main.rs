//! `media-worker`: started by stream-engine, one for each stream on air.

use std::io;
use std::process::ExitCode;

use sm_media_protocol::FinishReason;
use tracing_subscriber::EnvFilter;

/// The exit code for a configuration that cannot be carried out (`EX_CONFIG`).
const EXIT_CONFIG: u8 = 78;

fn main() -> ExitCode {
    // The level comes from the host's own setting, which the worker inherits.
    let filter = EnvFilter::builder()
        .with_env_var("SM__TELEMETRY__LOG")
        .with_default_directive(tracing::Level::INFO.into())
        .from_env_lossy();
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    sm_media_engine::prefer();
    let finished = sm_media_engine::tie_to_parent()
        .and_then(|()| sm_media_engine::run(io::stdin(), io::stdout()));
    match finished {
        Ok(FinishReason::Stopped | FinishReason::HostGone) => ExitCode::SUCCESS,
        Ok(FinishReason::ConfigurationRefused { .. }) => ExitCode::from(EXIT_CONFIG),
        Ok(FinishReason::PipelineFailed { .. }) => ExitCode::FAILURE,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
