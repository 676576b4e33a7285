//! The layer-service process.

use std::process::ExitCode;

fn main() -> ExitCode {
    sm_service_kit::run(
        sm_layer_service::ABOUT,
        |_| Ok(None),
        sm_layer_service::serve,
    )
}
