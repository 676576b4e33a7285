use actix_web::http::Method;

/// What a request is, as far as its limits are concerned. Each has a quota and a bulkhead of its
/// own: whoever reads too much can still steer, and a flood of changes keeps no reader waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Reads.
    Read,
    /// Changes.
    Write,
    /// Commands to what is on air.
    Control,
    /// Files, and pieces of files.
    Upload,
    /// Attempts to sign in, and renewals of sign-ins.
    Login,
    /// What players fetch. Every process counts it for itself: the picture needs nobody.
    Media,
}

impl Class {
    /// Every class, in the order of [`Self::index`].
    pub(crate) const ALL: [Self; 6] = [
        Self::Read,
        Self::Write,
        Self::Control,
        Self::Upload,
        Self::Login,
        Self::Media,
    ];

    /// Its name: of its settings, in headers and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Control => "control",
            Self::Upload => "upload",
            Self::Login => "login",
            Self::Media => "media",
        }
    }

    /// Its place in [`Self::ALL`].
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Read => 0,
            Self::Write => 1,
            Self::Control => 2,
            Self::Upload => 3,
            Self::Login => 4,
            Self::Media => 5,
        }
    }

    /// Whether all replicas share what is counted.
    pub(super) const fn is_shared(self) -> bool {
        match self {
            Self::Read | Self::Write | Self::Control | Self::Upload | Self::Login => true,
            Self::Media => false,
        }
    }

    /// What a request is that no rule is about.
    fn by_method(method: &Method) -> Self {
        if is_read(method) {
            Self::Read
        } else {
            Self::Write
        }
    }
}

/// The methods that a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Methods {
    /// Every method.
    All,
    /// Those that change something.
    Writes,
}

/// Which requests are of a class, other than by their method alone.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The beginning of their paths.
    pub prefix: &'static str,
    /// Their methods.
    pub methods: Methods,
    /// Their class; `None`: they have limits of their own.
    pub class: Option<Class>,
}

/// The class of a request by the first rule that is about it.
pub(super) fn class_of(rules: &[Rule], method: &Method, path: &str) -> Option<Class> {
    let about = |rule: &&Rule| {
        path.starts_with(rule.prefix) && (rule.methods == Methods::All || !is_read(method))
    };
    rules
        .iter()
        .find(about)
        .map_or_else(|| Some(Class::by_method(method)), |rule| rule.class)
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: [Rule; 3] = [
        Rule {
            prefix: "/api/assets",
            methods: Methods::Writes,
            class: Some(Class::Upload),
        },
        Rule {
            prefix: "/live/",
            methods: Methods::All,
            class: Some(Class::Media),
        },
        Rule {
            prefix: "/ws",
            methods: Methods::All,
            class: None,
        },
    ];

    #[test]
    fn the_first_rule_decides_and_otherwise_the_method() {
        let cases = [
            (Method::GET, "/api/assets", Some(Class::Read)),
            (Method::POST, "/api/assets", Some(Class::Upload)),
            (Method::PATCH, "/api/assets/uploads/7", Some(Class::Upload)),
            (Method::DELETE, "/api/layers/7", Some(Class::Write)),
            (Method::HEAD, "/anything", Some(Class::Read)),
            (Method::GET, "/live/main/index.m3u8", Some(Class::Media)),
            (Method::POST, "/live/main/whep", Some(Class::Media)),
            (Method::GET, "/ws", None),
        ];
        for (method, path, class) in cases {
            assert_eq!(class_of(&RULES, &method, path), class, "{method} {path}");
        }
    }

    #[test]
    fn every_class_is_where_its_number_says() {
        for (index, class) in Class::ALL.into_iter().enumerate() {
            assert_eq!(class.index(), index);
        }
    }
}
