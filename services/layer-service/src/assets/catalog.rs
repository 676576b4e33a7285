//! The index of uploaded files in Redis.
//!
//! Every change raises the index's revision, and is made for the revision that was read: so the
//! quota holds whatever replicas do at the same time. A layer that is about to show a file claims
//! it first, and a file with a young claim is not deleted: scenes and files live under different
//! hash tags, where no one script can look at both.

use std::collections::BTreeMap;

use sm_bus::{Bus, BusError, Commit, CommitOutcome, Guard, keys, redis};
use sm_common::asset::Asset;
use sm_common::clock::Timestamp;
use sm_common::id::AssetId;
use uuid::Uuid;

use crate::domain::resumable::ResumableUpload;
use crate::store::{read, write};

/// The index, or the wanted part of it, at one revision.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inventory {
    revision: u64,
    pub(crate) assets: BTreeMap<AssetId, Asset>,
    /// Uploads that come in pieces; all of them, or none where only some files were wanted.
    pub(crate) uploads: BTreeMap<Uuid, ResumableUpload>,
}

impl Inventory {
    /// Size of all files of a whole inventory.
    pub(crate) fn bytes(&self) -> u64 {
        let sizes = self.assets.values().map(|asset| asset.bytes);
        sizes.fold(0, u64::saturating_add)
    }

    /// Space that is kept free for uploads that are not complete, but for the one named.
    pub(crate) fn reserved(&self, except: Option<Uuid>) -> u64 {
        let others = self
            .uploads
            .values()
            .filter(|upload| Some(upload.id) != except);
        others
            .map(ResumableUpload::reserved)
            .fold(0, u64::saturating_add)
    }

    fn guard(&self) -> Guard {
        let revision = (self.revision > 0).then(|| self.revision.to_string());
        Guard::value(keys::ASSETS_REVISION.to_owned(), revision.as_deref())
    }

    fn next(&self, commit: Commit) -> Commit {
        let next = self.revision.saturating_add(1).to_string();
        commit
            .guard(self.guard())
            .set(keys::ASSETS_REVISION.to_owned(), next)
    }
}

/// Reads and writes the index.
#[derive(Clone, Debug)]
pub(crate) struct Catalog {
    bus: Bus,
}

impl Catalog {
    pub(crate) const fn new(bus: Bus) -> Self {
        Self { bus }
    }

    /// Every uploaded file.
    pub(crate) async fn inventory(&self) -> Result<Inventory, BusError> {
        let mut pipeline = redis::pipe();
        pipeline
            .atomic()
            .cmd("GET")
            .arg(keys::ASSETS_REVISION)
            .cmd("HVALS")
            .arg(keys::ASSETS)
            .cmd("HVALS")
            .arg(keys::ASSET_UPLOADS);
        let (revision, texts, uploads): (Option<u64>, Vec<String>, Vec<String>) =
            self.bus.pipeline(&pipeline).await?;
        let mut inventory = inventory(revision, texts)?;
        for text in uploads {
            let upload: ResumableUpload = read(keys::ASSET_UPLOADS, &text)?;
            inventory.uploads.insert(upload.id, upload);
        }
        Ok(inventory)
    }

    /// Those of `ids` that exist.
    pub(crate) async fn find(&self, ids: &[AssetId]) -> Result<Inventory, BusError> {
        if ids.is_empty() {
            return Ok(Inventory::default());
        }
        let mut pipeline = redis::pipe();
        pipeline
            .atomic()
            .cmd("GET")
            .arg(keys::ASSETS_REVISION)
            .cmd("HMGET")
            .arg(keys::ASSETS);
        for id in ids {
            pipeline.arg(id.as_str());
        }
        let (revision, texts): (Option<u64>, Vec<Option<String>>) =
            self.bus.pipeline(&pipeline).await?;
        inventory(revision, texts.into_iter().flatten())
    }

    pub(crate) async fn one(&self, id: &AssetId) -> Result<Option<Asset>, BusError> {
        self.bus.hash_document(keys::ASSETS, id.as_str()).await
    }

    /// Adds a file to what was read. `false` when the index has changed since.
    pub(crate) async fn add(&self, read: &Inventory, asset: &Asset) -> Result<bool, BusError> {
        let commit = read.next(Commit::new()).hash_set(
            keys::ASSETS.to_owned(),
            asset.id.as_str(),
            write(asset)?,
        );
        self.committed(commit).await
    }

    /// An upload that comes in pieces.
    pub(crate) async fn upload(&self, id: Uuid) -> Result<Option<ResumableUpload>, BusError> {
        let field = id.to_string();
        self.bus.hash_document(keys::ASSET_UPLOADS, &field).await
    }

    /// Adds an upload that comes in pieces to what was read. `false` when the index has changed
    /// since.
    pub(crate) async fn add_upload(
        &self,
        read: &Inventory,
        upload: &ResumableUpload,
    ) -> Result<bool, BusError> {
        let commit = read.next(Commit::new());
        self.committed(with_upload(commit, upload)?).await
    }

    /// Writes how far an upload has come.
    pub(crate) async fn write_upload(&self, upload: &ResumableUpload) -> Result<(), BusError> {
        let commit = with_upload(Commit::new(), upload)?;
        self.committed(commit).await.map(drop)
    }

    pub(crate) async fn remove_upload(&self, id: Uuid) -> Result<(), BusError> {
        let uploads = keys::ASSET_UPLOADS.to_owned();
        let commit = Commit::new().hash_delete(uploads, &id.to_string());
        self.committed(commit).await.map(drop)
    }

    /// Removes a file from what was read, unless it has been claimed since `claim`. `false` when
    /// that, or the index, has changed.
    pub(crate) async fn remove(
        &self,
        read: &Inventory,
        id: &AssetId,
        claim: Option<Timestamp>,
    ) -> Result<bool, BusError> {
        let claims = || keys::ASSET_CLAIMS.to_owned();
        let claim = claim.map(|at| at.as_unix_millis().to_string());
        let commit = read
            .next(Commit::new())
            .guard(Guard::field(claims(), id.as_str(), claim.as_deref()))
            .hash_delete(keys::ASSETS.to_owned(), id.as_str())
            .hash_delete(keys::ASSETS_USED.to_owned(), id.as_str())
            .hash_delete(claims(), id.as_str());
        self.committed(commit).await
    }

    /// Claims files of what was read for layers that are about to show them. `false` when the
    /// index has changed since.
    pub(crate) async fn claim(
        &self,
        read: &Inventory,
        ids: &[AssetId],
        now: Timestamp,
    ) -> Result<bool, BusError> {
        let mut commit = Commit::new().guard(read.guard());
        for id in ids {
            let at = now.as_unix_millis().to_string();
            commit = commit.hash_set(keys::ASSET_CLAIMS.to_owned(), id.as_str(), at);
        }
        self.committed(commit).await
    }

    /// When a file was last claimed.
    pub(crate) async fn claimed_at(&self, id: &AssetId) -> Result<Option<Timestamp>, BusError> {
        let mut command = redis::cmd("HGET");
        command.arg(keys::ASSET_CLAIMS).arg(id.as_str());
        let at: Option<i64> = self.bus.query(&command).await?;
        Ok(at.map(Timestamp::from_unix_millis))
    }

    /// Notes that layers use these files now.
    pub(crate) async fn note_used(&self, ids: &[&AssetId], now: Timestamp) -> Result<(), BusError> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut command = redis::cmd("HSET");
        command.arg(keys::ASSETS_USED);
        for id in ids {
            command.arg(id.as_str()).arg(now.as_unix_millis());
        }
        let _new: i64 = self.bus.query(&command).await?;
        Ok(())
    }

    /// When layers were last seen to use files.
    pub(crate) async fn last_used(&self) -> Result<BTreeMap<AssetId, Timestamp>, BusError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(keys::ASSETS_USED);
        let found: Vec<(String, i64)> = self.bus.query(&command).await?;
        let known = found.into_iter().filter_map(|(id, at)| {
            let id = id.parse::<AssetId>().ok()?;
            Some((id, Timestamp::from_unix_millis(at)))
        });
        Ok(known.collect())
    }

    async fn committed(&self, commit: Commit) -> Result<bool, BusError> {
        let outcome = self.bus.commit(commit, Vec::new()).await?;
        Ok(matches!(outcome, CommitOutcome::Committed(_)))
    }
}

fn with_upload(commit: Commit, upload: &ResumableUpload) -> Result<Commit, BusError> {
    let uploads = keys::ASSET_UPLOADS.to_owned();
    Ok(commit.hash_set(uploads, &upload.id.to_string(), write(upload)?))
}

fn inventory(
    revision: Option<u64>,
    texts: impl IntoIterator<Item = String>,
) -> Result<Inventory, BusError> {
    let mut assets = BTreeMap::new();
    for text in texts {
        let asset: Asset = read(keys::ASSETS, &text)?;
        assets.insert(asset.id.clone(), asset);
    }
    Ok(Inventory {
        revision: revision.unwrap_or(0),
        assets,
        uploads: BTreeMap::new(),
    })
}
