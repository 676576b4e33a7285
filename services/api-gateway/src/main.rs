//! The api-gateway process.

use std::process::ExitCode;

fn main() -> ExitCode {
    sm_service_kit::run(
        sm_api_gateway::ABOUT,
        sm_api_gateway::own_keys,
        sm_api_gateway::serve,
    )
}
