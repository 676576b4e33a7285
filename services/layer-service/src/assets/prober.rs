//! Has files looked into: by a process for each, with nothing but the file, so much memory and time
//! and no more.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use sm_common::asset::AssetKind;
use sm_probe::{ARGUMENT, Limits, Look, Order, Refusal, Verdict, could_not_work};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::processor_share::ProcessorShare;
use crate::config::{AssetsConfig, ProbeConfig};
use crate::domain::upload::ContentType;

/// Bytes that are read of what a process says of itself when it fails.
const WORDS_BYTES_MAX: u64 = 2048;
/// Bytes of a verdict, at most.
const LINE_BYTES_MAX: u64 = 16 * 1024;
/// What a process is told of the environment: where programs and plugins are, and no setting.
const ENVIRONMENT: [&str; 5] = ["PATH", "HOME", "XDG_CACHE_HOME", "LD_LIBRARY_PATH", "TZ"];
/// And what begins so.
const ENVIRONMENT_PREFIX: &str = "GST_";

/// Why it is not known that a file can be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProbeError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("decoding the file takes longer than {} s, or more memory than is given for it", .0.as_secs())]
    Costly(Duration),
    #[error(
        "this host is too busy to look into the file within {} s; nothing was kept, try again later",
        .0.as_secs()
    )]
    Starved(Duration),
    #[error(
        "videos and sounds are not taken here now: the program that looks into them is missing"
    )]
    Absent { program: PathBuf },
    #[error("the program that looks into files cannot be run")]
    Run(#[source] io::Error),
}

/// Has files looked into. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Prober {
    config: ProbeConfig,
    limits: Limits,
    turns: Arc<Semaphore>,
}

impl Prober {
    pub(crate) fn new(config: ProbeConfig, assets: &AssetsConfig) -> Self {
        Self {
            limits: assets.probe_limits(&config),
            turns: Arc::new(Semaphore::new(config.at_once_max)),
            config,
        }
    }

    /// Whether the program for videos and sounds is there.
    pub(crate) async fn check(&self) -> io::Result<()> {
        let program = find(&self.config.media_program);
        if program.components().count() == 1 {
            // The system looks for it in `PATH`.
            return Ok(());
        }
        tokio::fs::metadata(program).await.map(drop)
    }

    /// Looks into a file that begins as one of `content`.
    pub(crate) async fn look(&self, file: File, content: ContentType) -> Result<Look, ProbeError> {
        // Uploads wait for their turn within their own time.
        let turn = self.turns.acquire().await;
        let _turn = turn.map_err(|closed| ProbeError::Run(io::Error::other(closed)))?;
        let program = match content.kind {
            AssetKind::Image | AssetKind::Font => &self.config.picture_program,
            AssetKind::Video | AssetKind::Audio => &self.config.media_program,
        };
        let order = Order {
            media_type: content.media_type.to_owned(),
            limits: self.limits,
        };
        let longest = self.config.timeout();
        // It is killed when nobody waits for it any more.
        let mut child = spawn(program, &order, file)?;
        let process = child.id();
        let Ok(output) = timeout(longest, self.attend(&mut child)).await else {
            // A good file is not refused for what others do on this host.
            let share = process.and_then(ProcessorShare::of);
            return Err(if share.is_some_and(|share| share.is_starved(longest)) {
                ProbeError::Starved(longest)
            } else {
                ProbeError::Costly(longest)
            });
        };
        let Output {
            status,
            told,
            words,
        } = output?;
        if !status.success() {
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            if code.is_some_and(could_not_work) {
                return Err(ProbeError::Run(io::Error::other(words)));
            }
            // Without memory or time left it is ended, or ends itself, before it says anything.
            tracing::warn!(%status, %words, content.media_type, "a file ended the process that looked into it");
            return Err(ProbeError::Costly(longest));
        }
        let look =
            Verdict::read(&told).map_err(|error| ProbeError::Run(io::Error::other(error)))?;
        let mut look = look?;
        let bytes = u64::try_from(look.thumbnail.len()).unwrap_or(u64::MAX);
        if bytes > self.config.thumbnail_bytes_max {
            look.findings.thumbnail = None;
            look.thumbnail.clear();
        }
        Ok(look)
    }

    async fn attend(&self, child: &mut Child) -> Result<Output, ProbeError> {
        let told_max = LINE_BYTES_MAX.saturating_add(self.config.thumbnail_bytes_max);
        let told = read(child.stdout.take(), told_max.saturating_add(1));
        let words = read(child.stderr.take(), WORDS_BYTES_MAX);
        let (told, words) = tokio::try_join!(told, words).map_err(ProbeError::Run)?;
        let status = child.wait().await.map_err(ProbeError::Run)?;
        Ok(Output {
            status,
            told,
            words: String::from_utf8_lossy(&words).into_owned(),
        })
    }
}

fn spawn(program: &Path, order: &Order, file: File) -> Result<Child, ProbeError> {
    let order = serde_json::to_string(order).map_err(io::Error::from);
    let order = order.map_err(ProbeError::Run)?;
    let child = Command::new(find(program))
        .args([ARGUMENT, &order])
        .env_clear()
        .envs(environment())
        .current_dir("/")
        .stdin(Stdio::from(file))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    child.map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            let program = program.to_owned();
            ProbeError::Absent { program }
        } else {
            ProbeError::Run(error)
        }
    })
}

/// What a process has left.
struct Output {
    status: ExitStatus,
    told: Vec<u8>,
    words: String,
}

/// Reads to the end, of which no more than `bytes_max` is kept: a process that says more must not
/// wait for somebody to listen.
async fn read(pipe: Option<impl AsyncRead + Unpin>, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    let Some(mut pipe) = pipe else {
        return Ok(kept);
    };
    let _bytes = (&mut pipe).take(bytes_max).read_to_end(&mut kept).await?;
    let _rest = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    Ok(kept)
}

fn environment() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        ENVIRONMENT.contains(&name.as_ref()) || name.starts_with(ENVIRONMENT_PREFIX)
    })
}

/// A bare name is looked for beside this executable first, then, by the system, in `PATH`.
fn find(program: &Path) -> PathBuf {
    let is_bare = program.components().count() == 1 && program.parent() == Some(Path::new(""));
    let beside = std::env::current_exe()
        .ok()
        .and_then(|own| Some(own.parent()?.join(program)))
        .filter(|beside| is_bare && beside.is_file());
    beside.unwrap_or_else(|| program.to_owned())
}
