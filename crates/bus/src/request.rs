use deadpool_redis::redis::{Cmd, FromRedisValue, Pipeline, RedisResult, ScriptInvocation};

use crate::link::Link;

/// What is sent to Redis, and may be sent again where it was refused.
#[derive(Clone, Copy)]
pub(crate) enum Request<'a> {
    Command(&'a Cmd),
    Pipeline(&'a Pipeline),
    Script(&'a ScriptInvocation<'a>),
}

impl Request<'_> {
    /// Sends it, and returns the answer.
    pub(crate) async fn send<T: FromRedisValue>(self, link: &mut Link) -> RedisResult<T> {
        match self {
            Self::Command(command) => command.query_async(link).await,
            Self::Pipeline(pipeline) => pipeline.query_async(link).await,
            Self::Script(invocation) => invocation.invoke_async(link).await,
        }
    }
}
