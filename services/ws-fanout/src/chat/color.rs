//! The colour of a person's name.

use sm_bus::{keys, redis};
use sm_common::auth::Identity;
use sm_common::chat::ChatColor;
use sm_common::id::StreamId;

use super::{Chat, ChatError};

impl Chat {
    /// Gives a person's name another colour from their next message on; `None` for the one that
    /// follows from who they are.
    pub(crate) async fn choose_color(
        &self,
        stream: &StreamId,
        author: &Identity,
        color: Option<ChatColor>,
    ) -> Result<ChatColor, ChatError> {
        self.require_stream(stream).await?;
        let key = keys::chat_colors(stream);
        let field = author.user.to_string();
        let mut command = redis::cmd(if color.is_some() { "HSET" } else { "HDEL" });
        command.arg(key).arg(field);
        if let Some(color) = color {
            command.arg(color.as_str());
        }
        let _changed: i64 = self.bus.query(&command).await?;
        Ok(color.unwrap_or_else(|| ChatColor::of(author.user)))
    }
}
