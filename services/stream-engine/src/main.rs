//! The stream-engine process.

use std::process::ExitCode;

fn main() -> ExitCode {
    sm_service_kit::run(
        sm_stream_engine::ABOUT,
        |_| Ok(None),
        sm_stream_engine::serve,
    )
}
