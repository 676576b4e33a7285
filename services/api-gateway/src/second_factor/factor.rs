use serde::{Deserialize, Serialize};
use sm_common::clock::Timestamp;

use super::{RecoveryCodes, TotpSecret};

/// The second factor of a person, as kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SecondFactor {
    pub(crate) secret: TotpSecret,
    pub(crate) enrolled_at: Timestamp,
    pub(crate) recovery: RecoveryCodes,
}
