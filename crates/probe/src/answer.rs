use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::ExitCode;

use crate::order::Order;
use crate::sandbox::confine;
use crate::verdict::{Look, Refusal, Verdict};

/// The exit code of a process that was started wrongly (`EX_USAGE`).
const EXIT_USAGE: u8 = 64;
/// That of a process whose sandbox cannot be entered (`EX_OSERR`).
const EXIT_SANDBOX: u8 = 71;
/// That of a process whose verdict cannot be written (`EX_IOERR`).
const EXIT_OUTPUT: u8 = 74;

/// Whether a process with this exit code could not do its work, whatever the file is.
pub fn could_not_work(code: u8) -> bool {
    [EXIT_USAGE, EXIT_SANDBOX, EXIT_OUTPUT].contains(&code)
}

/// The `main` of a process that looks into the file on its standard input, with the order in
/// `argument`, the one after [`crate::ARGUMENT`].
///
/// `look` runs in the sandbox, where besides the file nothing can be opened but what is below
/// `readable`.
pub fn answer(
    argument: Option<String>,
    readable: &[&Path],
    look: impl FnOnce(File, &Order) -> Result<Look, Refusal>,
) -> ExitCode {
    let order = argument.and_then(|order| serde_json::from_str::<Order>(&order).ok());
    let Some(order) = order else {
        return fail(EXIT_USAGE, "the order is missing or cannot be read");
    };
    let file = match std::io::stdin().as_fd().try_clone_to_owned() {
        Ok(file) => File::from(file),
        Err(error) => return fail(EXIT_USAGE, &error.to_string()),
    };
    if let Err(error) = confine(&file, &order.limits, readable) {
        return fail(EXIT_SANDBOX, &format!("{error}: {}", error.cause()));
    }
    let written = Verdict::write(look(file, &order));
    let mut output = std::io::stdout().lock();
    let told = written
        .map_err(std::io::Error::from)
        .and_then(|written| output.write_all(&written))
        .and_then(|()| output.flush());
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(EXIT_OUTPUT, &error.to_string()),
    }
}

fn fail(code: u8, why: &str) -> ExitCode {
    // Nobody is there to be told if this fails.
    drop(writeln!(std::io::stderr(), "{why}"));
    ExitCode::from(code)
}
