//! The heir's side of the conversation: reads the holder's playlist, and copies the files that
//! players may still want.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use sm_bus::HeirKey;
use sm_common::id::StreamId;
use tokio::fs;
use tokio::io::AsyncWriteExt as _;

use super::KEY;
use crate::config::HandoverConfig;
use crate::live::archive::Archive;
use crate::live::file_name::LiveFile;
use crate::live::playlist::Playlist;

/// Longest wait for a connection to the holder.
const CONNECT: Duration = Duration::from_millis(500);
/// Longest wait for the next bytes of a file.
const BETWEEN: Duration = Duration::from_secs(1);

/// The holder of a stream, as its heir knows it.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    client: Client,
    base: String,
    key: HeirKey,
    files_max: usize,
    bytes_max: u64,
}

/// Something of the holder's was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyError {
    #[error("prepare the client for the holder")]
    Client(#[source] reqwest::Error),
    #[error("ask the holder")]
    Ask(#[source] reqwest::Error),
    #[error("the holder answers {0}")]
    Refused(StatusCode),
    #[error("read the holder's answer")]
    Read(#[source] reqwest::Error),
    #[error("write the copy")]
    Write(#[from] std::io::Error),
    #[error("the holder lists {0} files, more than handover.files_max")]
    TooMany(usize),
    #[error("the files have more bytes than handover.bytes_max")]
    TooLarge,
}

impl Holder {
    /// The holder of `stream` at the base address `url`.
    pub(crate) fn new(
        url: &str,
        stream: &StreamId,
        key: HeirKey,
        config: &HandoverConfig,
    ) -> Result<Self, CopyError> {
        let client = Client::builder()
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            // Siblings are reached directly, whatever the environment says.
            .no_proxy()
            .build()
            .map_err(CopyError::Client)?;
        Ok(Self {
            client,
            base: format!("{url}/handover/{stream}"),
            key,
            files_max: config.files_max,
            bytes_max: config.bytes_max,
        })
    }

    /// Asks for the stream. Returns the last playlist, after which the holder adds nothing; it may
    /// take `within`.
    pub(crate) async fn ask(&self, within: Duration) -> Result<Playlist, CopyError> {
        let request = self.request(Method::POST, "").timeout(within);
        let answer = send(request).await?;
        answer.json().await.map_err(CopyError::Read)
    }

    /// Copies what the holder lists now, as far as it is not there already.
    pub(crate) async fn copy_listed(&self, to: &Archive) -> Result<Playlist, CopyError> {
        let request = self.request(Method::GET, "").timeout(BETWEEN);
        let playlist: Playlist = send(request).await?.json().await.map_err(CopyError::Read)?;
        self.copy(&playlist, to).await?;
        Ok(playlist)
    }

    /// Copies the files of a playlist that are not there already. One that is not to be had is left
    /// out; the newest come first, because players want those.
    pub(crate) async fn copy(&self, playlist: &Playlist, to: &Archive) -> Result<(), CopyError> {
        fs::create_dir_all(to.directory()).await?;
        let files = playlist.files();
        if files.len() > self.files_max {
            return Err(CopyError::TooMany(files.len()));
        }
        let mut left = self.bytes_max;
        for file in files {
            let path = to.path(&file);
            if fs::try_exists(&path).await? {
                continue;
            }
            match self
                .copy_file(&file, &path, &to.copy_draft(), &mut left)
                .await
            {
                Err(CopyError::Refused(status)) => {
                    tracing::debug!(%file, %status, "a file of the holder's is not copied");
                }
                copied => copied?,
            }
        }
        Ok(())
    }

    async fn copy_file(
        &self,
        file: &LiveFile,
        path: &Path,
        draft: &Path,
        left: &mut u64,
    ) -> Result<(), CopyError> {
        let request = self.request(Method::GET, &format!("/{file}"));
        let mut answer = send(request.timeout(BETWEEN.saturating_mul(4))).await?;
        let mut copy = fs::File::create(draft).await?;
        while let Some(chunk) = answer.chunk().await.map_err(CopyError::Read)? {
            let bytes = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            *left = left.checked_sub(bytes).ok_or(CopyError::TooLarge)?;
            copy.write_all(&chunk).await?;
        }
        copy.flush().await?;
        fs::rename(draft, path).await?;
        Ok(())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.base))
            .header(KEY, self.key.expose())
    }
}

async fn send(request: RequestBuilder) -> Result<Response, CopyError> {
    let answer = Box::pin(request.send()).await.map_err(CopyError::Ask)?;
    if answer.status().is_success() {
        Ok(answer)
    } else {
        Err(CopyError::Refused(answer.status()))
    }
}
