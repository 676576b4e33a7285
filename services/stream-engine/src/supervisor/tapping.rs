use std::io;
use std::path::Path;

use sm_common::id::StreamId;
use sm_media_protocol::{Introduction, TapTerms, encode};
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;

use super::paths::Paths;

/// Opens the tap of the stream's worker, as the holder of the lease with this fencing token; `None`
/// when there is no worker. What is read from it is what the worker says it is: one that is no
/// longer the stream's closes it.
pub(crate) async fn tap(
    pid_directory: &Path,
    stream: &StreamId,
    token: u64,
) -> io::Result<Option<UnixStream>> {
    let Some(mut line) = Paths::new(pid_directory, stream).connect().await? else {
        return Ok(None);
    };
    let introduction = encode(&Introduction::Tap(TapTerms { token })).map_err(io::Error::other)?;
    line.write_all(&introduction).await?;
    Ok(Some(line))
}
