//! Reads files, transport streams and HLS over HTTP, on a thread of its own.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use m3u8_rs::{KeyMethod, MediaPlaylist, MediaSegment, Playlist};
use reqwest::{Client, Response, redirect};
use sm_common::address::{NetworkPolicy, SourceUrl};
use url::Url;

use super::content::{Content, content, said_to_be};
use super::guard::{GuardedResolver, ResolveError};
use super::hls::{Cursor, Taste, read, variant};
use super::pipeline::Feed;
use super::wanted::Wanted;
use crate::layer::failure::Failure;
use crate::layer::player::Watcher;

/// Bytes that may wait for the demuxer.
pub(super) const WAITING_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Largest playlist.
const PLAYLIST_BYTES_MAX: usize = 1024 * 1024;

/// Largest segment.
const SEGMENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Most redirects of one request.
const REDIRECTS_MAX: usize = 5;

/// Longest wait for a connection, and for the next bytes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// How often it is looked whether anybody still wants what is read.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Distance between two reads of a live playlist.
const RELOAD_INTERVAL: Duration = Duration::from_millis(500);

/// Bytes that tell what is read.
const HEAD_BYTES: usize = 400;

/// Starts to read; ends when the pipeline is gone.
pub(super) fn start(
    wanted: Wanted,
    policy: NetworkPolicy,
    feed: Feed,
    watcher: Watcher,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::engine(error.kind()))?;
    let client = client(&policy)?;
    let read = move || {
        let url = wanted.url.expose().clone();
        let mut reader = Reader {
            client,
            policy,
            wanted,
            feed,
        };
        let outcome = runtime.block_on(reader.run(url));
        // A name that is still being looked up is nobody's business any more.
        runtime.shutdown_background();
        if let Err(failure) = outcome {
            watcher.fail(failure);
        }
    };
    thread::Builder::new()
        .name("fetch".to_owned())
        .spawn(read)
        .map(|_detached| ())
        .map_err(|error| Failure::engine(error.kind()))
}

/// A client that connects to nothing but what is permitted: names go through the resolver,
/// numbers are looked at before each request and at each redirect.
fn client(policy: &NetworkPolicy) -> Result<Client, Failure> {
    let policy = Arc::new(policy.clone());
    let redirects = Arc::clone(&policy);
    Client::builder()
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .dns_resolver(GuardedResolver(policy))
        .redirect(redirect::Policy::custom(move |attempt| {
            if attempt.previous().len() > REDIRECTS_MAX {
                return attempt.error("too many redirects");
            }
            match checked(attempt.url(), &redirects) {
                Ok(()) => attempt.follow(),
                Err(forbidden) => attempt.error(forbidden),
            }
        }))
        .build()
        .map_err(|_build| Failure::engine("the HTTP client does not start"))
}

fn checked(url: &Url, policy: &NetworkPolicy) -> Result<(), ResolveError> {
    SourceUrl::parse(url.as_str())
        .ok()
        .filter(|url| policy.permits_host(url.host()))
        .map(|_permitted| ())
        .ok_or(ResolveError::Forbidden)
}

struct Reader {
    client: Client,
    policy: NetworkPolicy,
    wanted: Wanted,
    feed: Feed,
}

impl Reader {
    async fn run(&mut self, url: Url) -> Result<(), Failure> {
        let Some(mut response) = self.get(&url).await? else {
            return Ok(());
        };
        let mut head = Vec::new();
        while head.len() < HEAD_BYTES {
            match self.next(&mut response).await? {
                Next::Bytes(bytes) => head.extend(bytes),
                Next::End => break,
                Next::Unwanted => return Ok(()),
            }
        }
        let content = content(&head)
            .or_else(|| said_to_be(media_type(&response)?))
            .ok_or_else(Failure::no_media)?;
        match content {
            Content::Demuxed(demuxer) => {
                self.feed.demux(demuxer)?;
                // A stream without a length that ends was cut off; a file has been read.
                let file = response.content_length().is_some() || demuxer != "tsdemux";
                self.play_through(&mut response, &head, file).await
            }
            Content::Sound(caps) => {
                self.feed.listen(caps)?;
                let file = response.content_length().is_some();
                self.play_through(&mut response, &head, file).await
            }
            Content::Playlist => {
                // Where it was found: addresses in it are relative to that.
                let base = response.url().clone();
                let Some(text) = self.rest(&mut response, head, PLAYLIST_BYTES_MAX).await? else {
                    return Ok(());
                };
                match read(&text).ok_or_else(Failure::no_media)? {
                    Playlist::MediaPlaylist(playlist) => self.follow(base, playlist).await,
                    Playlist::MasterPlaylist(master) => {
                        let uri = variant(&master, self.taste()).ok_or_else(Failure::no_media)?;
                        let media = join(&base, uri)?;
                        match self.playlist(&media).await? {
                            Some(playlist) => self.follow(media, playlist).await,
                            None => Ok(()),
                        }
                    }
                }
            }
        }
    }

    /// Passes on everything. The end of a file is its end; that of a stream is a loss.
    async fn play_through(
        &self,
        response: &mut Response,
        head: &[u8],
        file: bool,
    ) -> Result<(), Failure> {
        if self.feed.push(head) && self.pass_on(response, usize::MAX).await? {
            if !file {
                return Err(Failure::lost());
            }
            self.feed.end();
        }
        Ok(())
    }

    /// Plays a playlist, and what is added to it.
    async fn follow(&mut self, url: Url, mut playlist: MediaPlaylist) -> Result<(), Failure> {
        let mut cursor = Cursor::default();
        let mut initialised: Option<String> = None;
        loop {
            for segment in cursor.take(&playlist).to_vec() {
                if !self.play(&url, &segment, &mut initialised).await? {
                    return Ok(());
                }
            }
            if playlist.end_list {
                self.feed.end();
                return Ok(());
            }
            tokio::time::sleep(RELOAD_INTERVAL).await;
            if self.feed.is_over() {
                return Ok(());
            }
            match self.playlist(&url).await? {
                Some(next) => playlist = next,
                None => return Ok(()),
            }
        }
    }

    async fn play(
        &mut self,
        playlist: &Url,
        segment: &MediaSegment,
        initialised: &mut Option<String>,
    ) -> Result<bool, Failure> {
        let encrypted = segment
            .key
            .as_ref()
            .is_some_and(|key| key.method != KeyMethod::None);
        if encrypted {
            return Err(Failure::unsupported("encrypted segments are not read"));
        }
        if segment.byte_range.is_some() {
            return Err(Failure::unsupported(
                "segments that are parts of files are not read",
            ));
        }
        if let Some(map) = &segment.map
            && initialised.as_deref() != Some(&map.uri)
        {
            if !self.fetch(&join(playlist, &map.uri)?).await? {
                return Ok(false);
            }
            *initialised = Some(map.uri.clone());
        }
        self.fetch(&join(playlist, &segment.uri)?).await
    }

    /// Passes a segment on; `false` when nobody wants it any more.
    async fn fetch(&mut self, url: &Url) -> Result<bool, Failure> {
        let Some(mut response) = self.get(url).await? else {
            return Ok(false);
        };
        let head = match self.next(&mut response).await? {
            Next::Bytes(bytes) => bytes,
            Next::End => return Ok(true),
            Next::Unwanted => return Ok(false),
        };
        let known = match content(&head) {
            Some(Content::Demuxed(demuxer)) => self.feed.demux(demuxer)?,
            Some(Content::Playlist | Content::Sound(_)) | None => false,
        };
        if !known {
            return Err(Failure::no_media());
        }
        Ok(self.feed.push(&head) && self.pass_on(&mut response, SEGMENT_BYTES_MAX).await?)
    }

    /// Passes on what comes, at most `max` bytes; `false` when nobody wants it any more.
    async fn pass_on(&self, response: &mut Response, max: usize) -> Result<bool, Failure> {
        let mut passed = 0_usize;
        loop {
            match self.next(response).await? {
                Next::Bytes(bytes) => {
                    passed = passed.saturating_add(bytes.len());
                    if passed > max {
                        return Err(Failure::unsupported("a segment is too large"));
                    }
                    if !self.feed.push(&bytes) {
                        return Ok(false);
                    }
                }
                Next::End => return Ok(true),
                Next::Unwanted => return Ok(false),
            }
        }
    }

    async fn playlist(&self, url: &Url) -> Result<Option<MediaPlaylist>, Failure> {
        let Some(mut response) = self.get(url).await? else {
            return Ok(None);
        };
        let Some(text) = self
            .rest(&mut response, Vec::new(), PLAYLIST_BYTES_MAX)
            .await?
        else {
            return Ok(None);
        };
        match read(&text) {
            Some(Playlist::MediaPlaylist(playlist)) => Ok(Some(playlist)),
            Some(Playlist::MasterPlaylist(_)) | None => Err(Failure::no_media()),
        }
    }

    /// All bytes of a response, `read` and what follows, at most `max`.
    async fn rest(
        &self,
        response: &mut Response,
        mut read: Vec<u8>,
        max: usize,
    ) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            match self.next(response).await? {
                Next::Bytes(bytes) => read.extend(bytes),
                Next::End => return Ok(Some(read)),
                Next::Unwanted => return Ok(None),
            }
            if read.len() > max {
                return Err(Failure::unsupported("the playlist is too large"));
            }
        }
    }

    async fn get(&self, url: &Url) -> Result<Option<Response>, Failure> {
        checked(url, &self.policy)?;
        let mut request = self.client.get(url.clone());
        // Whoever is named in a playlist, and is another server, is not told.
        if let Some((user, password)) = self.wanted.credentials()
            && SourceUrl::parse(url.as_str())
                .is_ok_and(|url| url.origin() == self.wanted.url.origin())
        {
            request = request.basic_auth(user, Some(password));
        }
        let Some(answer) = self.unless_over(request.send()).await else {
            return Ok(None);
        };
        let response = answer.map_err(|error| failure(&error))?;
        if response.status().is_success() {
            Ok(Some(response))
        } else {
            Err(Failure::status(response.status().as_u16()))
        }
    }

    fn taste(&self) -> Taste {
        let (width, height) = self.wanted.size;
        Taste {
            width: u64::from(width),
            height: u64::from(height),
        }
    }

    async fn next(&self, response: &mut Response) -> Result<Next, Failure> {
        match self.unless_over(response.chunk()).await {
            None => Ok(Next::Unwanted),
            Some(Ok(Some(bytes))) => Ok(Next::Bytes(bytes.to_vec())),
            Some(Ok(None)) => Ok(Next::End),
            Some(Err(_cut)) => Err(Failure::lost()),
        }
    }

    /// What `work` comes to; `None` when nobody wants it any more.
    async fn unless_over<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        unless(|| self.feed.is_over(), work).await
    }
}

/// What `work` comes to, unless it is `over` before.
pub(super) async fn unless<T>(over: impl Fn() -> bool, work: impl Future<Output = T>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(LOOK_INTERVAL, &mut work).await {
            Ok(done) => return Some(done),
            Err(_elapsed) if over() => return None,
            Err(_elapsed) => {}
        }
    }
}

fn media_type(response: &Response) -> Option<&str> {
    let value = response.headers().get(reqwest::header::CONTENT_TYPE)?;
    value.to_str().ok()
}

enum Next {
    Bytes(Vec<u8>),
    End,
    Unwanted,
}

fn join(base: &Url, reference: &str) -> Result<Url, Failure> {
    base.join(reference).map_err(|_syntax| Failure::no_media())
}

/// Why a request failed. The client's own text names addresses, and is not told.
fn failure(error: &reqwest::Error) -> Failure {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(refused) = inner.downcast_ref::<ResolveError>() {
            return (*refused).into();
        }
        cause = inner.source();
    }
    if error.is_redirect() {
        return Failure::unsupported("the server redirects too often");
    }
    Failure::unreachable()
}
