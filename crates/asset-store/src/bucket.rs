use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{BoxStream, try_unfold};
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _, WriteMultipart};
use sm_common::clock::Timestamp;
use sm_common::id::AssetId;
use tokio::io::AsyncReadExt as _;
use uuid::Uuid;

use crate::config::ObjectStoreConfig;
use crate::error::{OpenError, StoreError};

/// Bytes of a part of a large object on its way to the store. Stores take 10,000 parts and none, but the
/// last, below 5 MiB.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// Parts of one object that are on their way at a time.
const PARTS_MAX: usize = 2;
/// Bytes that are asked for at a time: what is in memory for a reader, however large the object.
const PIECE_BYTES: u64 = 1024 * 1024;
/// Read from a file at once, in bytes.
const READ_BYTES: usize = 256 * 1024;

/// Bytes of the largest object that a store gives another name in one step.
pub const OBJECT_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;

/// What of an asset is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// The file itself.
    Content,
    /// The small picture of it.
    Thumbnail,
}

/// An object without its name, which can be given back to it.
#[derive(Debug)]
pub struct Withdrawn {
    place: Path,
}

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Whose it is; `None` for one that was withdrawn.
    pub asset: Option<AssetId>,
    /// When it was written.
    pub written_at: Timestamp,
    /// Where it is.
    place: Path,
}

/// The bucket of uploaded files. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bucket {
    store: Arc<AmazonS3>,
    prefix: Path,
}

impl Bucket {
    /// The bucket of these settings; `None` where there is none.
    pub fn open(config: &ObjectStoreConfig) -> Result<Option<Self>, OpenError> {
        if !config.is_wanted() {
            return Ok(None);
        }
        Ok(Some(Self {
            store: Arc::new(config.client()?),
            prefix: Path::from(config.prefix.as_str()),
        }))
    }

    fn place(&self, id: &AssetId, which: Shelf) -> Path {
        let folder = match which {
            Shelf::Content => self.prefix.clone(),
            Shelf::Thumbnail => self.prefix.clone().join("thumbnails"),
        };
        let digits: String = id.as_str().chars().take(2).collect();
        folder.join(digits).join(id.as_str())
    }

    fn withdrawn(&self) -> Path {
        self.prefix.clone().join("withdrawn")
    }

    /// Bytes of an object.
    pub async fn size(&self, id: &AssetId, which: Shelf) -> Result<u64, StoreError> {
        let found = self.store.head(&self.place(id, which)).await;
        Ok(found.map_err(StoreError::of("look for an object"))?.size)
    }

    /// Whether there is such an object.
    pub async fn has(&self, id: &AssetId, which: Shelf) -> Result<bool, StoreError> {
        match self.size(id, which).await {
            Ok(_) => Ok(true),
            Err(StoreError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Keeps the bytes as an object.
    pub async fn put(&self, id: &AssetId, which: Shelf, bytes: Bytes) -> Result<(), StoreError> {
        let place = self.place(id, which);
        let kept = self.store.put(&place, bytes.into()).await;
        kept.map(drop).map_err(StoreError::of("keep an object"))
    }

    /// Keeps a file as an object; one that is there with as many bytes is it already. Nothing is there
    /// until all of it is.
    pub async fn put_file(&self, id: &AssetId, file: &FilePath) -> Result<(), StoreError> {
        let mut file = tokio::fs::File::open(file)
            .await
            .map_err(StoreError::File)?;
        let bytes = file.metadata().await.map_err(StoreError::File)?.len();
        match self.size(id, Shelf::Content).await {
            Ok(size) if size == bytes => return Ok(()),
            Ok(_) | Err(StoreError::NotFound) => {}
            Err(error) => return Err(error),
        }
        if usize::try_from(bytes).is_ok_and(|bytes| bytes <= PART_BYTES) {
            let mut whole = Vec::new();
            let read = file.read_to_end(&mut whole).await;
            let _bytes = read.map_err(StoreError::File)?;
            return self.put(id, Shelf::Content, whole.into()).await;
        }
        let place = self.place(id, Shelf::Content);
        let upload = self.store.put_multipart(&place).await;
        let upload = upload.map_err(StoreError::of("begin an object"))?;
        let mut parts = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        match send(&mut parts, &mut file).await {
            Ok(()) => {
                let kept = parts.finish().await;
                kept.map(drop).map_err(StoreError::of("keep an object"))
            }
            Err(error) => {
                // The store drops parts of what was never completed by its own rules as well.
                drop(parts.abort().await);
                Err(error)
            }
        }
    }

    /// The bytes `from` to `to`, exclusive, of an object's content, a piece at a time. The first piece
    /// has come when this returns, so that an object which cannot be read is known before.
    pub async fn read(
        &self,
        id: &AssetId,
        (from, to): (u64, u64),
    ) -> Result<BoxStream<'static, Result<Bytes, StoreError>>, StoreError> {
        let (store, place) = (Arc::clone(&self.store), self.place(id, Shelf::Content));
        if from >= to {
            return Ok(futures_util::stream::empty().boxed());
        }
        let end = from.saturating_add(PIECE_BYTES).min(to);
        let first = piece(&store, &place, (from, end)).await?;
        let rest = try_unfold(end, move |at| {
            let (store, place) = (Arc::clone(&store), place.clone());
            async move {
                if at >= to {
                    return Ok(None);
                }
                let end = at.saturating_add(PIECE_BYTES).min(to);
                let bytes = piece(&store, &place, (at, end)).await?;
                Ok(Some((bytes, end)))
            }
        });
        Ok(futures_util::stream::once(async { Ok(first) })
            .chain(rest)
            .boxed())
    }

    /// The whole of a small object; `None` when there is none.
    pub async fn whole(&self, id: &AssetId, which: Shelf) -> Result<Option<Bytes>, StoreError> {
        let step = "hand out an object";
        match self.store.get(&self.place(id, which)).await {
            Ok(found) => found.bytes().await.map(Some).map_err(StoreError::of(step)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(StoreError::of(step)(error)),
        }
    }

    /// Takes an object's name away. `None` when it has none.
    pub async fn withdraw(
        &self,
        id: &AssetId,
        which: Shelf,
    ) -> Result<Option<Withdrawn>, StoreError> {
        let place = self.withdrawn().join(Uuid::new_v4().to_string());
        match self.store.rename(&self.place(id, which), &place).await {
            Ok(()) => Ok(Some(Withdrawn { place })),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(StoreError::of("withdraw an object")(error)),
        }
    }

    /// Gives a withdrawn object its name back.
    pub async fn give_back(
        &self,
        withdrawn: &Withdrawn,
        id: &AssetId,
        which: Shelf,
    ) -> Result<(), StoreError> {
        let place = self.place(id, which);
        let copied = self.store.copy(&withdrawn.place, &place).await;
        copied.map_err(StoreError::of("give an object its name back"))
    }

    /// Gives the space of a withdrawn object back.
    pub async fn forget(&self, withdrawn: Withdrawn) -> Result<(), StoreError> {
        self.delete(&withdrawn.place).await
    }

    /// Gives the space of a listed object back: one that was withdrawn.
    pub async fn forget_found(&self, found: &Found) -> Result<(), StoreError> {
        self.delete(&found.place).await
    }

    async fn delete(&self, place: &Path) -> Result<(), StoreError> {
        match self.store.delete(place).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(StoreError::of("delete an object")(error)),
        }
    }

    /// Every object of ours, thumbnails and withdrawn ones included; what else is in the bucket is not
    /// listed.
    pub fn list(&self) -> BoxStream<'static, Result<Found, StoreError>> {
        let prefix = (!self.prefix.as_ref().is_empty()).then_some(&self.prefix);
        let (withdrawn, thumbnails) = (self.withdrawn(), self.prefix.clone().join("thumbnails"));
        let prefix_known = self.prefix.clone();
        self.store
            .list(prefix)
            .map_err(StoreError::of("list its objects"))
            .try_filter_map(move |object| {
                let place = object.location;
                let name: Option<AssetId> = place.filename().and_then(|name| name.parse().ok());
                let is_named = |folder: &Path| {
                    let named = name.as_ref().map(|id| {
                        let digits: String = id.as_str().chars().take(2).collect();
                        folder.clone().join(digits).join(id.as_str())
                    });
                    named.as_ref() == Some(&place)
                };
                let asset = if is_named(&prefix_known) || is_named(&thumbnails) {
                    Some(name)
                } else if place.prefix_matches(&withdrawn) {
                    Some(None)
                } else {
                    None
                };
                let found = asset.map(|asset| Found {
                    asset,
                    written_at: Timestamp::from_unix_millis(
                        object.last_modified.timestamp_millis(),
                    ),
                    place,
                });
                std::future::ready(Ok(found))
            })
            .boxed()
    }

    /// Whether the store answers and has the bucket.
    pub async fn check(&self) -> Result<(), StoreError> {
        let folder = self.withdrawn();
        let mut listed = self.store.list(Some(&folder));
        match listed.next().await {
            Some(Err(error)) => Err(StoreError::of("list its objects")(error)),
            Some(Ok(_)) | None => Ok(()),
        }
    }
}

async fn send(parts: &mut WriteMultipart, file: &mut tokio::fs::File) -> Result<(), StoreError> {
    loop {
        let mut buffer = BytesMut::with_capacity(READ_BYTES);
        let count = file.read_buf(&mut buffer).await.map_err(StoreError::File)?;
        if count == 0 {
            return Ok(());
        }
        let room = parts.wait_for_capacity(PARTS_MAX).await;
        room.map_err(StoreError::of("keep a part of an object"))?;
        parts.put(buffer.freeze());
    }
}

async fn piece(
    store: &AmazonS3,
    place: &Path,
    (from, to): (u64, u64),
) -> Result<Bytes, StoreError> {
    let bytes = store.get_range(place, from..to).await;
    bytes.map_err(StoreError::of("hand out an object"))
}
