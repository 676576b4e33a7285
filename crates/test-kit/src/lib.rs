//! What tests share: private Redis, minted identities, clients. Never in a release build.
