use std::fmt::Write as _;

use sm_common::auth::{Access, OPERATIONS, Permission, Role, access_to_channel};
use sm_common::event::Channel;

const HEAD: &str = "# Permissions

Who may do what. One table in `crates/common/src/auth` answers for REST and for the WebSocket; the tests
of the whole system try every operation and channel below as every role, through Traefik.

This page is generated: change the table, and run `make schemas`.

";

/// The tables of permissions, as Markdown.
pub fn permissions() -> String {
    let mut page = HEAD.to_owned();
    roles(&mut page);
    operations(&mut page);
    channels(&mut page);
    page
}

// Writing to a String cannot fail.
fn roles(page: &mut String) {
    let names = Role::ALL.map(Role::as_str).join(" | ");
    let rule = Role::ALL.map(|_| "---").join(" | ");
    let _ = writeln!(page, "## Roles\n");
    let _ = writeln!(page, "| permission | lets somebody | {names} |");
    let _ = writeln!(page, "| --- | --- | {rule} |");
    for permission in Permission::ALL {
        let marks = Role::ALL
            .map(|role| mark(permission.allows(role)))
            .join(" | ");
        let (name, meaning) = (permission.name(), permission.meaning());
        let _ = writeln!(page, "| `{name}` | {meaning} | {marks} |");
    }
}

fn operations(page: &mut String) {
    let _ = writeln!(page, "\n## REST\n");
    let _ = writeln!(page, "| operation | takes |");
    let _ = writeln!(page, "| --- | --- |");
    for (method, path, access) in OPERATIONS {
        let _ = writeln!(page, "| `{method} {path}` | {} |", words(*access));
    }
}

fn channels(page: &mut String) {
    let _ = writeln!(page, "\n## Channels of the WebSocket\n");
    let _ = writeln!(page, "| channel | takes |");
    let _ = writeln!(page, "| --- | --- |");
    for channel in Channel::ALL {
        let takes = words(access_to_channel(channel));
        let _ = writeln!(page, "| `{channel}` | {takes} |");
    }
}

const fn mark(may: bool) -> &'static str {
    if may { "yes" } else { "" }
}

fn words(access: Access) -> String {
    match access {
        Access::Anyone => "nothing".to_owned(),
        Access::SignedIn => "any valid token".to_owned(),
        Access::Watching => {
            let name = Permission::ReadStream.name();
            format!("`{name}`, or nothing where the public may watch (`PUBLIC_VIEW`)")
        }
        Access::Takes(permission) => format!("`{}`", permission.name()),
        Access::Guest(permission) => {
            let name = permission.name();
            format!("`{name}`, or a guest's token where the chat lets guests in")
        }
    }
}
