//! The layer-service process, and the one that looks into a picture or a font for it.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(sm_probe::ARGUMENT) {
        return sm_layer_service::probe(arguments.next());
    }
    sm_service_kit::run(
        sm_layer_service::ABOUT,
        |_| Ok(None),
        sm_layer_service::serve,
    )
}
