use std::fmt;

/// A part of the system that something can be wrong with.
///
/// ```text
/// source → layer → engine → output, viewers        redis → service        host under all but sources
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Part {
    /// The machine that processes run on.
    Host,
    /// The bus and the store.
    Redis,
    /// Every replica of a service.
    Service(String),
    /// The engine and the media worker of the stream.
    Engine,
    /// What a layer's picture comes from, outside of the system.
    Source(String),
    /// A layer.
    Layer(String),
    /// An output and its target.
    Output(String),
    /// Those who watch.
    Viewers,
    /// Something else that has errors, by its component.
    Other(String),
}

/// Codes of layers whose cause lies outside of the system.
const SOURCE_CODES: [&str; 8] = [
    "layer.ingest.",
    "layer.source.address",
    "layer.source.forbidden",
    "layer.source.lost",
    "layer.source.stalled",
    "layer.source.tls",
    "layer.source.unauthorized",
    "layer.source.unreachable",
];

impl Part {
    /// The part that an error is about, by its component and its code.
    pub(crate) fn of(component: &str, code: &str) -> Self {
        match component.split_once(':') {
            Some(("layer" | "source", id))
                if component.starts_with("source:")
                    || SOURCE_CODES.iter().any(|known| code.starts_with(known)) =>
            {
                Self::Source(id.to_owned())
            }
            Some(("layer", id)) => Self::Layer(id.to_owned()),
            Some(("output", id)) => Self::Output(id.to_owned()),
            Some(("service", name)) => Self::Service(name.to_owned()),
            Some(_) => Self::Other(component.to_owned()),
            None => match component {
                "host" => Self::Host,
                "redis" => Self::Redis,
                "engine" | "worker" | "program" => Self::Engine,
                "viewers" => Self::Viewers,
                _ => Self::Other(component.to_owned()),
            },
        }
    }

    /// What it depends on directly.
    fn depends_on(&self) -> Vec<Self> {
        match self {
            Self::Host | Self::Source(_) => Vec::new(),
            Self::Redis | Self::Engine => vec![Self::Host],
            Self::Service(_) => vec![Self::Redis, Self::Host],
            Self::Layer(id) => vec![Self::Source(id.clone())],
            Self::Output(_) | Self::Viewers | Self::Other(_) => vec![Self::Engine],
        }
    }

    /// Everything that it depends on, the nearest first.
    pub(crate) fn upstream(&self) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        let mut waiting = self.depends_on();
        while let Some(next) = waiting.pop() {
            if !found.contains(&next) {
                waiting.extend(next.depends_on());
                found.push(next);
            }
        }
        found
    }

    /// Whether something that is wrong with it can be why something is wrong with `other`.
    pub(crate) fn explains(&self, other: &Self) -> bool {
        self == other || other.upstream().contains(self)
    }

    /// Whether both depend on something that could be wrong.
    pub(crate) fn is_sibling_of(&self, other: &Self) -> bool {
        let mine = self.upstream();
        let theirs = other.upstream();
        mine.iter().any(|part| theirs.contains(part))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::Redis => f.write_str("redis"),
            Self::Service(name) => write!(f, "service:{name}"),
            Self::Engine => f.write_str("engine"),
            Self::Source(id) => write!(f, "source:{id}"),
            Self::Layer(id) => write!(f, "layer:{id}"),
            Self::Output(id) => write!(f, "output:{id}"),
            Self::Viewers => f.write_str("viewers"),
            Self::Other(component) => f.write_str(component),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_about_the_part_that_its_component_and_code_name() {
        for (component, code, part) in [
            ("worker", "worker.killed", "engine"),
            ("engine", "engine.lost", "engine"),
            ("output:a", "output.refused", "output:a"),
            ("layer:x", "layer.source.unreachable", "source:x"),
            ("layer:x", "layer.ingest.lost", "source:x"),
            ("layer:x", "layer.source.undecodable", "layer:x"),
            ("layer:x", "layer.web.crashed", "layer:x"),
            ("service:analytics", "service.silent", "service:analytics"),
            ("redis", "redis.unreachable", "redis"),
            ("scene:y", "worker.scene.refused", "scene:y"),
        ] {
            assert_eq!(
                Part::of(component, code).to_string(),
                part,
                "{component} {code}"
            );
        }
    }

    /// The names are read back where they are kept.
    #[test]
    fn a_part_is_read_back_from_its_name() {
        for name in [
            "host",
            "redis",
            "engine",
            "source:x",
            "layer:x",
            "output:x",
            "service:x",
            "viewers",
        ] {
            assert_eq!(Part::of(name, "").to_string(), name);
        }
    }

    #[test]
    fn what_is_upstream_explains_what_is_downstream() {
        let part = |name| Part::of(name, "");
        for (cause, of, explains) in [
            ("engine", "output:a", true),
            ("host", "output:a", true),
            ("output:a", "engine", false),
            ("redis", "service:analytics", true),
            ("redis", "engine", false),
            ("source:x", "layer:x", true),
            ("source:x", "layer:y", false),
            ("host", "redis", true),
            ("engine", "viewers", true),
        ] {
            assert_eq!(part(cause).explains(&part(of)), explains, "{cause} {of}");
        }
        assert!(part("output:a").is_sibling_of(&part("output:b")));
        assert!(!part("layer:x").is_sibling_of(&part("output:b")));
    }
}
