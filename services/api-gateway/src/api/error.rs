use std::time::Duration;

use sm_bus::BusError;
use sm_common::problem::{FieldError, ProblemCode};
use sm_service_kit::ApiProblem;

use super::ExchangeError;
use crate::machine_keys::KeyError;
use crate::passwords::PasswordError;
use crate::second_factor::{CodeError, EnrolmentError};
use crate::secret::NoRandomness;
use crate::sign_in::{AgainError, RefreshError, SecondStepError, SignInError, TicketError};
use crate::users::{LinkError, Refusal, UsersError};

/// When a caller should try again who met more password checks than we do at a time.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// Why a request of this service is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error(transparent)]
    SignIn(#[from] SignInError),
    #[error(transparent)]
    SecondStep(#[from] SecondStepError),
    #[error(transparent)]
    Again(#[from] AgainError),
    #[error(transparent)]
    Enrolment(#[from] EnrolmentError),
    #[error(transparent)]
    Random(#[from] NoRandomness),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("the link is unknown or too old")]
    NoLink,
    /// A change of the second factor that is not possible now.
    #[error("{1}")]
    SecondFactor(ProblemCode, &'static str),
    #[error(transparent)]
    Refresh(#[from] RefreshError),
    #[error(transparent)]
    Ticket(#[from] TicketError),
    #[error(transparent)]
    Users(#[from] UsersError),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("one or more fields are not valid")]
    Invalid(Vec<FieldError>),
    #[error("there is no such sign-in")]
    NoSession,
    #[error("there is no such route")]
    NoRoute,
    #[error("the console is read with GET and HEAD")]
    NoMethod,
}

impl From<ApiError> for ApiProblem {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::SignIn(SignInError::Credentials) => {
                Self::new(ProblemCode::CredentialsInvalid).detail("check the name and the password")
            }
            ApiError::SignIn(SignInError::Throttled(wait)) => throttled_problem(wait),
            ApiError::SecondStep(error) => second_step_problem(error),
            ApiError::Again(error) => again_problem(error),
            ApiError::SecondFactor(code, detail) => Self::new(code).detail(detail),
            ApiError::Refresh(RefreshError::Refused) => {
                Self::new(ProblemCode::RefreshInvalid).detail("sign in again")
            }
            ApiError::Refresh(RefreshError::Reused) => Self::new(ProblemCode::RefreshInvalid)
                .detail("the token had been used before, so the sign-in was ended: sign in again"),
            ApiError::Refresh(error @ RefreshError::Late) => Self::unavailable(error),
            ApiError::Password(error) | ApiError::SignIn(SignInError::Password(error)) => {
                password_problem(error)
            }
            ApiError::Bus(error)
            | ApiError::SignIn(SignInError::Bus(error))
            | ApiError::Refresh(RefreshError::Bus(error))
            | ApiError::Ticket(TicketError::Bus(error))
            | ApiError::Link(LinkError::Bus(error))
            | ApiError::Key(KeyError::Bus(error))
            | ApiError::Exchange(ExchangeError::Bus(error))
            | ApiError::Users(UsersError::Bus(error)) => bus_problem(error),
            ApiError::Users(UsersError::Refused(refusal)) => refusal_problem(refusal),
            ApiError::Users(error @ UsersError::Contended) => Self::unavailable(error),
            ApiError::Invalid(errors) => Self::invalid(errors),
            ApiError::NoSession => {
                Self::new(ProblemCode::SessionNotFound).detail("it is over, or somebody else's")
            }
            ApiError::NoRoute => {
                Self::new(ProblemCode::RouteNotFound).detail("/api/docs lists what there is")
            }
            ApiError::NoMethod => {
                Self::new(ProblemCode::MethodNotAllowed).detail("use GET or HEAD")
            }
            ApiError::SignIn(
                error @ (SignInError::Sign(_) | SignInError::Random(_) | SignInError::Enrolment(_)),
            ) => Self::internal(error),
            ApiError::Enrolment(error) => Self::internal(error),
            ApiError::Random(error)
            | ApiError::Link(LinkError::Random(error))
            | ApiError::Key(KeyError::Random(error)) => Self::internal(error),
            ApiError::Exchange(error @ ExchangeError::Sign(_)) => Self::internal(error),
            ApiError::Key(error @ KeyError::Unknown) => {
                Self::new(ProblemCode::KeyNotFound).detail(error.to_string())
            }
            ApiError::Key(error @ KeyError::Full(_)) => {
                Self::new(ProblemCode::KeyLimit).detail(error.to_string())
            }
            ApiError::NoLink => {
                Self::new(ProblemCode::PasswordLinkInvalid).detail("ask an admin for another one")
            }
            ApiError::Refresh(error @ (RefreshError::Sign(_) | RefreshError::Random(_))) => {
                Self::internal(error)
            }
            ApiError::Ticket(error @ (TicketError::Random(_) | TicketError::Encode(_))) => {
                Self::internal(error)
            }
            ApiError::Users(error @ UsersError::Record { .. }) => Self::internal(error),
        }
    }
}

fn throttled_problem(wait: Duration) -> ApiProblem {
    ApiProblem::new(ProblemCode::RateLimited)
        .detail("too many failed attempts; wait as `Retry-After` says")
        .retry_after(round_up(wait))
}

fn second_step_problem(error: SecondStepError) -> ApiProblem {
    match error {
        SecondStepError::Challenge => ApiProblem::new(ProblemCode::ChallengeInvalid)
            .detail("sign in with the password again, which gives a new one"),
        SecondStepError::Code(CodeError::Wrong) => ApiProblem::new(ProblemCode::CodeInvalid)
            .detail("give the code that the app shows now, or a recovery code; each is good once"),
        SecondStepError::Code(CodeError::Throttled(wait)) => throttled_problem(wait),
        SecondStepError::Code(CodeError::Bus(error)) => bus_problem(error),
        SecondStepError::SignIn(error) => ApiError::from(error).into(),
        SecondStepError::Users(error) => ApiError::from(error).into(),
    }
}

fn again_problem(error: AgainError) -> ApiProblem {
    match error {
        AgainError::Password => {
            let detail = "the password is wrong";
            ApiProblem::invalid(vec![FieldError::new("/password", detail)])
        }
        AgainError::Code(detail) => ApiProblem::invalid(vec![FieldError::new("/code", detail)]),
        AgainError::Throttled(wait) => throttled_problem(wait),
        AgainError::Hashing(error) => password_problem(error),
        AgainError::Bus(error) => bus_problem(error),
        AgainError::SecondStep(error) => second_step_problem(error),
    }
}

fn bus_problem(error: BusError) -> ApiProblem {
    if error.is_unavailable() {
        ApiProblem::unavailable(error)
    } else {
        ApiProblem::internal(error)
    }
}

fn password_problem(error: PasswordError) -> ApiProblem {
    match error {
        PasswordError::Busy => ApiProblem::new(ProblemCode::Unavailable)
            .detail("too many people sign in at this moment; try again")
            .retry_after(BUSY_RETRY)
            .cause(error),
        PasswordError::Settings(_)
        | PasswordError::Hash(_)
        | PasswordError::Stored(_)
        | PasswordError::Thread(_)
        | PasswordError::Random(_)
        | PasswordError::Policy(_) => ApiProblem::internal(error),
    }
}

fn refusal_problem(refusal: Refusal) -> ApiProblem {
    let code = match refusal {
        Refusal::Unknown => ProblemCode::UserNotFound,
        Refusal::Exists => ProblemCode::UserExists,
        Refusal::Full(_) => ProblemCode::UserLimit,
        Refusal::LastAdmin => ProblemCode::UserLastAdmin,
        Refusal::CodeUsed => ProblemCode::CodeInvalid,
        Refusal::LinkUsed => ProblemCode::PasswordLinkInvalid,
    };
    ApiProblem::new(code).detail(refusal.to_string())
}

/// `Retry-After` counts whole seconds: the next full one, so that the wait is really over.
fn round_up(wait: Duration) -> Duration {
    Duration::from_secs(
        wait.as_millis()
            .div_ceil(1000)
            .try_into()
            .unwrap_or(u64::MAX),
    )
}
