use deadpool_redis::redis;
use sm_common::auth::{PROOF_LIFETIME_MAX, Revocation};
use sm_common::clock::Timestamp;

use crate::commit::Commit;
use crate::connection::{Bus, read_document, write_document};
use crate::error::BusError;
use crate::history::{Entry, entry_field};
use crate::keys;

/// Revocations that are kept at most; the oldest go first.
pub const REVOCATIONS_MAX: usize = 50_000;
/// Revocations that are read at a time.
const PAGE: usize = 1000;

/// A place in the list of revocations, for a reader that asks for what comes after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevocationMark(Option<String>);

impl Commit {
    /// Tells every service of a revocation.
    pub fn revoke(self, revocation: &Revocation) -> Result<Self, BusError> {
        let document = write_document(revocation)?;
        Ok(self.append(keys::REVOCATIONS.to_owned(), &document, REVOCATIONS_MAX))
    }
}

impl Bus {
    /// The next revocations after `mark`, oldest first, each with the moment at which nothing is
    /// left that it could cover, and the mark after them; the same mark where they cannot be read.
    /// From the beginning it skips those that cover nothing any more.
    pub async fn revocations_after(
        &self,
        mark: RevocationMark,
    ) -> (
        RevocationMark,
        Result<Vec<(Revocation, Timestamp)>, BusError>,
    ) {
        match self.read_revocations(&mark).await {
            Ok((revocations, next)) => (next, Ok(revocations)),
            Err(error) => (mark, Err(error)),
        }
    }

    async fn read_revocations(
        &self,
        mark: &RevocationMark,
    ) -> Result<(Vec<(Revocation, Timestamp)>, RevocationMark), BusError> {
        let mut start = if let RevocationMark(Some(id)) = mark {
            format!("({id}")
        } else {
            let lifetime = i64::try_from(PROOF_LIFETIME_MAX.as_millis()).unwrap_or(i64::MAX);
            let now = self.clock().now().as_unix_millis();
            now.saturating_sub(lifetime).max(0).to_string()
        };
        let mut revocations = Vec::new();
        let mut last = mark.clone();
        loop {
            let mut command = redis::cmd("XRANGE");
            command
                .arg(keys::REVOCATIONS)
                .arg(&start)
                .arg("+")
                .arg("COUNT")
                .arg(PAGE);
            let entries: Vec<Entry> = self.query(&command).await?;
            for entry in &entries {
                match read_entry(entry) {
                    Ok(revocation) => revocations.push(revocation),
                    // One that a newer version wrote must not hold up those after it.
                    Err(error) => {
                        tracing::error!(%error, entry.id = entry.0, "a revocation cannot be read");
                    }
                }
                last = RevocationMark(Some(entry.0.clone()));
            }
            match &last {
                RevocationMark(Some(id)) if entries.len() == PAGE => start = format!("({id}"),
                RevocationMark(_) => return Ok((revocations, last)),
            }
        }
    }
}

fn read_entry(entry: &Entry) -> Result<(Revocation, Timestamp), BusError> {
    let malformed = || BusError::ScriptAnswer {
        script: "revocations",
    };
    let document = entry_field(entry, "doc").ok_or_else(malformed)?;
    let (millis, _sequence) = entry.0.split_once('-').ok_or_else(malformed)?;
    let at = Timestamp::from_unix_millis(millis.parse().map_err(|_no_number| malformed())?);
    let revocation = read_document(keys::REVOCATIONS, document)?;
    Ok((revocation, at.plus(PROOF_LIFETIME_MAX)))
}
