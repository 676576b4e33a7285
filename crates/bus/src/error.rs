use deadpool_redis::redis::RedisError;
use deadpool_redis::{CreatePoolError, PoolError};

/// A step of talking to Redis failed.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The address in the configuration is not one.
    #[error("the Redis address cannot be read")]
    Address(#[source] RedisError),
    /// The password file cannot be read.
    #[error("the Redis password file {path} cannot be read")]
    PasswordFile {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The certificates of authorities cannot be read.
    #[error("the certificates in {path} (redis.ca_file) cannot be read")]
    Authorities {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The pool's settings are not possible.
    #[error("the Redis pool cannot be built")]
    Pool(#[source] CreatePoolError),
    /// No connection in time.
    #[error("no connection to Redis")]
    Connect(#[source] PoolError),
    /// No connection to any node of the cluster.
    #[error("no connection to the Redis cluster")]
    Cluster(#[source] RedisError),
    /// No answer in time.
    #[error("Redis did not answer within {0:?}")]
    Timeout(std::time::Duration),
    /// Redis has not answered several times in a row. It is asked again shortly.
    #[error("Redis has not answered lately")]
    Silent,
    /// Redis refused a command, or the connection broke.
    #[error("Redis command failed")]
    Command(#[source] RedisError),
    /// A stored document is not what its key says.
    #[error("the document at {key} cannot be read")]
    Document {
        /// The key.
        key: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A document or event cannot be written as JSON.
    #[error("a value cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
    /// An event's payload does not fit its type.
    #[error(transparent)]
    Payload(#[from] sm_common::event::PayloadError),
    /// A script answered in a form that this version does not know.
    #[error("the {script} script answered in an unknown form")]
    ScriptAnswer {
        /// The script.
        script: &'static str,
    },
}

impl BusError {
    /// Whether Redis has left us waiting, as opposed to an answer or a refusal, which come at once.
    pub(crate) const fn is_silence(&self) -> bool {
        match self {
            Self::Timeout(_) | Self::Connect(PoolError::Timeout(_)) => true,
            Self::Address(_)
            | Self::PasswordFile { .. }
            | Self::Authorities { .. }
            | Self::Pool(_)
            | Self::Connect(_)
            | Self::Cluster(_)
            | Self::Silent
            | Self::Command(_)
            | Self::Document { .. }
            | Self::Encode(_)
            | Self::Payload(_)
            | Self::ScriptAnswer { .. } => false,
        }
    }

    /// Whether the same call may succeed later: Redis is away, busy or full, as opposed to a
    /// fault of ours.
    pub const fn is_unavailable(&self) -> bool {
        match self {
            Self::Connect(_)
            | Self::Cluster(_)
            | Self::Timeout(_)
            | Self::Silent
            | Self::Command(_) => true,
            Self::Address(_)
            | Self::PasswordFile { .. }
            | Self::Authorities { .. }
            | Self::Pool(_)
            | Self::Document { .. }
            | Self::Encode(_)
            | Self::Payload(_)
            | Self::ScriptAnswer { .. } => false,
        }
    }
}
