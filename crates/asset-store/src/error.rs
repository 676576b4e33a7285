use std::path::PathBuf;

/// Why the object store cannot be used with these settings.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is none.
    #[error("object_store.endpoint is no address such as https://s3.example.com")]
    Endpoint {
        /// What is wrong with it.
        #[source]
        source: url::ParseError,
    },
    /// The file with the secret key cannot be read.
    #[error("object_store.secret_access_key_file {path} cannot be read")]
    Secret {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is nothing in it.
    #[error("object_store.secret_access_key_file {path} is empty")]
    NoSecret {
        /// The file.
        path: PathBuf,
    },
    /// The settings do not go together.
    #[error("the settings of object_store do not go together")]
    Settings {
        /// Why.
        #[source]
        source: object_store::Error,
    },
}

/// Why something could not be done in the object store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such object, or no such bucket.
    #[error("the object store has no such object")]
    NotFound,
    /// The store did not answer, or with an error.
    #[error("the object store did not {step}")]
    Away {
        /// What it was to do.
        step: &'static str,
        /// Why it did not.
        #[source]
        source: Box<object_store::Error>,
    },
    /// The file that was to be sent cannot be read on this host.
    #[error("the file that the object store is to keep cannot be read")]
    File(#[source] std::io::Error),
}

impl StoreError {
    /// What the store says, of a step such as `keep an object`.
    pub(crate) fn of(step: &'static str) -> impl Fn(object_store::Error) -> Self {
        move |error| {
            if matches!(error, object_store::Error::NotFound { .. }) {
                Self::NotFound
            } else {
                Self::Away {
                    step,
                    source: Box::new(error),
                }
            }
        }
    }
}
