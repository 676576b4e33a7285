use std::path::PathBuf;

/// What the process was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Serve until told to stop.
    Run,
    /// Print the effective settings.
    CheckConfig,
    /// Ask the running process whether it is ready; for containers.
    Healthcheck,
    /// Print the OpenAPI document.
    OpenApi,
}

/// The command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommandLine {
    pub(crate) task: Task,
    pub(crate) config_file: Option<PathBuf>,
}

/// The command line cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandLineError {
    #[error("--config needs a file")]
    ConfigFile,
    #[error("unknown argument {0:?}; use [check-config | healthcheck | openapi] [--config FILE]")]
    Unknown(String),
}

pub(crate) fn parse(
    arguments: impl IntoIterator<Item = String>,
) -> Result<CommandLine, CommandLineError> {
    let mut line = CommandLine {
        task: Task::Run,
        config_file: None,
    };
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "check-config" => line.task = Task::CheckConfig,
            "healthcheck" => line.task = Task::Healthcheck,
            "openapi" => line.task = Task::OpenApi,
            "--config" => {
                let file = arguments.next().ok_or(CommandLineError::ConfigFile)?;
                line.config_file = Some(file.into());
            }
            _ => return Err(CommandLineError::Unknown(argument)),
        }
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_in_any_order_and_unknown_ones_refused() {
        let read = |text: &str| parse(text.split_whitespace().map(str::to_owned));
        assert_eq!(read("").unwrap().task, Task::Run);
        let line = read("--config a.toml check-config").unwrap();
        assert_eq!(line.task, Task::CheckConfig);
        assert_eq!(line.config_file, Some("a.toml".into()));
        assert_eq!(read("--config"), Err(CommandLineError::ConfigFile));
        assert!(read("serve").is_err());
    }
}
