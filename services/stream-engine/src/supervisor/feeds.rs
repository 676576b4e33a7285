//! Where a worker's layers take what others push to them.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sm_common::id::LayerId;
use tokio::net::UnixStream;

use super::paths::{address_in, connect_to, private_directory};

/// The directory of the sockets, under `worker.pid_directory`; nobody else can enter it.
const FEEDS: &str = "media-feeds";

/// The sockets on which the layers of this host's workers listen, each named after its layer.
#[derive(Clone, Debug)]
pub(crate) struct Feeds {
    directory: PathBuf,
}

impl Feeds {
    /// Under `worker.pid_directory`, which may be relative.
    pub(crate) fn new(pid_directory: &Path) -> io::Result<Self> {
        let directory = std::path::absolute(pid_directory)?.join(FEEDS);
        Ok(Self { directory })
    }

    /// Makes the directory where it is missing.
    pub(crate) fn prepare(&self) -> io::Result<PathBuf> {
        private_directory(&self.directory)?;
        Ok(self.directory.clone())
    }

    /// Connects to the layer's source; `None` when no worker has the layer open.
    pub(crate) async fn connect(&self, layer: LayerId) -> io::Result<Option<UnixStream>> {
        if !self.directory.exists() {
            return Ok(None);
        }
        let directory: File = private_directory(&self.directory)?;
        connect_to(&address_in(&directory, &layer.to_string())).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_layer_is_found_by_its_name_where_it_listens() {
        let folder = tempfile::tempdir().unwrap();
        let feeds = Feeds::new(&folder.path().join("d".repeat(150))).unwrap();
        let layer = LayerId::generate();
        assert!(
            feeds.connect(layer).await.unwrap().is_none(),
            "no directory"
        );
        let directory = File::open(feeds.prepare().unwrap()).unwrap();
        assert!(feeds.connect(layer).await.unwrap().is_none(), "no socket");
        let address = address_in(&directory, &layer.to_string());
        let listener = std::os::unix::net::UnixListener::bind(address).unwrap();
        assert!(feeds.connect(layer).await.unwrap().is_some());
        drop(listener);
        assert!(feeds.connect(layer).await.unwrap().is_none(), "nobody");
    }
}
