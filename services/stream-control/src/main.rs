//! The stream-control process.

use std::process::ExitCode;

fn main() -> ExitCode {
    sm_service_kit::run(
        sm_stream_control::ABOUT,
        |_| Ok(None),
        sm_stream_control::serve,
    )
}
