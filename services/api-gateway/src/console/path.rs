/// Prefixes that other services answer, or the API: never a page of the console.
const RESERVED: [&str; 4] = ["api", "live", "ws", ".well-known"];

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted<'a> {
    /// The console itself, which reads the rest of the path.
    Page,
    /// The file with this name.
    File(&'a str),
    /// Nothing that the console has.
    Nothing,
}

/// What `path` asks for. Names that could mean anything to a file system but themselves are
/// nobody's.
pub(super) fn wanted(path: &str) -> Wanted<'_> {
    let name = path.strip_prefix('/').unwrap_or(path);
    if name.is_empty() {
        return Wanted::Page;
    }
    let mut segments = name.split('/');
    let first = segments.next().unwrap_or_default();
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/._-~@+".contains(&byte));
    let hidden = name.split('/').any(|segment| segment.starts_with('.'));
    if RESERVED.contains(&first) || hidden {
        return Wanted::Nothing;
    }
    let last = segments.next_back().unwrap_or(first);
    if !last.contains('.') {
        Wanted::Page
    } else if plain && !is_variant(name) {
        Wanted::File(name)
    } else {
        Wanted::Nothing
    }
}

/// Whether the file is the compressed form of another.
pub(super) fn is_variant(name: &str) -> bool {
    [".br", ".gz"].iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_without_a_dot_is_the_consoles_to_read() {
        for path in [
            "/",
            "/layers",
            "/layers/",
            "/a/b/c",
            "/apiary",
            "/caf%C3%A9",
        ] {
            assert_eq!(wanted(path), Wanted::Page, "{path}");
        }
        assert_eq!(wanted("/assets/app.js"), Wanted::File("assets/app.js"));
    }

    #[test]
    fn what_belongs_to_others_is_no_page() {
        for path in [
            "/api",
            "/api/nothing",
            "/live/main",
            "/ws",
            "/.well-known/x",
        ] {
            assert_eq!(wanted(path), Wanted::Nothing, "{path}");
        }
    }

    #[test]
    fn a_path_cannot_climb_or_hide() {
        for path in [
            "/../secret.txt",
            "/a/../../b.txt",
            "/%2e%2e/secret.txt",
            "/.env",
            "/assets/.git/a.txt",
            "/a\\b.txt",
            "/index.html.br",
        ] {
            assert_eq!(wanted(path), Wanted::Nothing, "{path}");
        }
    }
}
