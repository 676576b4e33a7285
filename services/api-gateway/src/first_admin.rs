//! The first person: created when there is nobody, told once.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use sm_common::auth::Role;
use sm_common::clock::SharedClock;
use sm_common::id::{InstanceId, UserId};
use sm_service_kit::Kit;
use tokio_util::sync::CancellationToken;

use crate::audit::{Entry, SecurityEvent};
use crate::config::FirstAdminConfig;
use crate::passwords::{PasswordError, Passwords};
use crate::secret::random_text;
use crate::users::{NewPerson, Refusal, Username, Users, UsersError};

/// The component of the process's health that says whether there is somebody.
pub(crate) const COMPONENT: &str = "first-admin";
/// Wait before it is tried again at the start.
const RETRY: Duration = Duration::from_millis(500);

/// Where the first password comes from.
#[derive(Debug)]
enum Password {
    Given(SecretString),
    Generated(SecretString),
}

/// Creates the first admin.
#[derive(Debug)]
pub(crate) struct FirstAdmin {
    id: UserId,
    username: Username,
    password: Password,
    file: PathBuf,
    /// The file with a generated password, before it is known whose it is.
    draft: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
enum FirstAdminError {
    #[error(transparent)]
    Users(#[from] UsersError),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error("first_admin.file cannot be written: {0}")]
    File(#[from] io::Error),
}

impl FirstAdmin {
    /// Takes the password from its file or the settings, or makes one. `chars_min` is the least
    /// length of a password.
    pub(crate) fn prepare(config: FirstAdminConfig, chars_min: usize) -> anyhow::Result<Self> {
        let FirstAdminConfig {
            username,
            password_file,
            password,
            file,
        } = config;
        let given = if password_file.as_os_str().is_empty() {
            password
        } else {
            let text = fs::read_to_string(&password_file).with_context(|| {
                format!("read first_admin.password_file {}", password_file.display())
            })?;
            SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned())
        };
        let length = given.expose_secret().chars().count();
        anyhow::ensure!(
            length == 0 || length >= chars_min,
            "the first admin's password is shorter than {chars_min} characters"
        );
        let password = if length == 0 {
            Password::Generated(random_text::<15>()?.into())
        } else {
            Password::Given(given)
        };
        Ok(Self {
            id: UserId::generate(),
            username,
            password,
            file,
            draft: None,
        })
    }

    /// Sees to it that there is somebody, as soon as Redis answers, and tells [`COMPONENT`].
    pub(crate) async fn ensure(
        mut self,
        (users, passwords): (Users, Passwords),
        kit: Kit,
        stop: CancellationToken,
    ) {
        while !stop.is_cancelled() {
            let (instance, clock) = (kit.instance(), kit.clock());
            let settled = self.settle(&users, &passwords, instance, clock).await;
            let done = settled.is_ok();
            let told = settled.map_err(|error| error.to_string());
            kit.health().report(COMPONENT, told);
            if done {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn settle(
        &mut self,
        users: &Users,
        passwords: &Passwords,
        instance: &InstanceId,
        clock: &SharedClock,
    ) -> Result<(), FirstAdminError> {
        if users.all().await?.is_empty() {
            // Written before the person exists: a crash in between loses no password.
            self.write_draft(instance)?;
            let new = NewPerson {
                name: self.username.clone(),
                role: Role::Admin,
                password: passwords.hash(self.secret().clone()).await?,
            };
            let created = users.change(
                |everybody| {
                    if everybody.is_empty() {
                        everybody.add(self.id, new.clone(), usize::MAX, clock.now())
                    } else {
                        Err(Refusal::Exists)
                    }
                },
                |change| {
                    let entry = Entry::new(SecurityEvent::UserCreated, clock.now());
                    Some(entry.about(change.person()).detail("the first admin"))
                },
            );
            match created.await {
                Ok(_) | Err(UsersError::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // Asked, not concluded: another replica may have been faster, and the answer to a change
        // that did happen may have been lost.
        let admin = users.find(&self.username).await.map_err(UsersError::from)?;
        if admin.is_some_and(|admin| admin.id == self.id) {
            self.announce()?;
        } else if let Some(draft) = self.draft.take() {
            fs::remove_file(draft)?;
        }
        Ok(())
    }

    const fn secret(&self) -> &SecretString {
        match &self.password {
            Password::Given(secret) | Password::Generated(secret) => secret,
        }
    }

    /// Writes a generated password beside where it belongs, once.
    fn write_draft(&mut self, instance: &InstanceId) -> io::Result<()> {
        let Password::Generated(secret) = &self.password else {
            return Ok(());
        };
        if self.file.as_os_str().is_empty() || self.draft.is_some() {
            return Ok(());
        }
        let mut name = self.file.clone().into_os_string();
        name.push(format!(".{instance}"));
        let draft = PathBuf::from(name);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        writeln!(file, "username: {}", self.username)?;
        writeln!(file, "password: {}", secret.expose_secret())?;
        file.sync_all()?;
        self.draft = Some(draft);
        Ok(())
    }

    /// Says a generated password, once: in its file, or, where there is none, on standard output. That
    /// is kept and shipped as logs are, so that a file is the better place.
    fn announce(&mut self) -> io::Result<()> {
        tracing::info!(user.name = %self.username, "the first admin was created");
        let Password::Generated(secret) = &self.password else {
            return Ok(());
        };
        if let Some(draft) = self.draft.take() {
            fs::rename(draft, &self.file)?;
            return Ok(());
        }
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "first login: username {}, password {}",
            self.username,
            secret.expose_secret()
        )?;
        out.flush()
    }
}
