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

use crate::store::{read, write};

/// The index, or the wanted part of it, at one revision.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inventory {
    revision: u64,
    pub(crate) assets: BTreeMap<AssetId, Asset>,
}

impl Inventory {
    /// Size of all files of a whole inventory.
    pub(crate) fn bytes(&self) -> u64 {
        let sizes = self.assets.values().map(|asset| asset.bytes);
        sizes.fold(0, u64::saturating_add)
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
            .arg(keys::ASSETS);
        let (revision, texts): (Option<u64>, Vec<String>) = self.bus.pipeline(&pipeline).await?;
        inventory(revision, texts)
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

    async fn committed(&self, commit: Commit) -> Result<bool, BusError> {
        let outcome = self.bus.commit(commit, Vec::new()).await?;
        Ok(matches!(outcome, CommitOutcome::Committed(_)))
    }
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
    })
}
