//! The analytics process.

use std::process::ExitCode;

fn main() -> ExitCode {
    sm_service_kit::run(sm_analytics::ABOUT, |_| Ok(None), sm_analytics::serve)
}
