//! The ws-fanout process.

use std::process::ExitCode;

fn main() -> ExitCode {
    sm_service_kit::run(sm_ws_fanout::ABOUT, |_| Ok(None), sm_ws_fanout::serve)
}
