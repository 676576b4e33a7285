//! How much there is to draw when every reference is followed: a few lines that refer to each
//! other can be more than any machine draws.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use resvg::usvg::roxmltree::{Document, Node, NodeId};

use super::{SvgError, SvgLimits};

/// Refuses a document that is nested too deep or has too much to draw.
pub(super) fn check(document: &Document<'_>, limits: SvgLimits) -> Result<(), SvgError> {
    let deep = document
        .descendants()
        .any(|node| node.ancestors().nth(limits.depth_max).is_some());
    if deep {
        return Err(SvgError::TooDeep(limits.depth_max));
    }
    let mut scales = Scales::new(document, limits.weight_max);
    match scales.weight(document.root_element()) {
        Some(_) => Ok(()),
        None => Err(SvgError::TooComplex(limits.weight_max)),
    }
}

/// Weighs elements, each once.
struct Scales<'a, 'input> {
    named: BTreeMap<&'a str, Node<'a, 'input>>,
    /// What style sheets let the elements of a class refer to.
    by_class: BTreeMap<String, BTreeSet<String>>,
    /// What style sheets let any element refer to.
    by_all: BTreeSet<String>,
    known: HashMap<NodeId, Option<u64>>,
    /// On the way to the element that is being weighed: what refers to itself is not drawn.
    open: HashSet<NodeId>,
    weight_max: u64,
}

impl<'a, 'input> Scales<'a, 'input> {
    fn new(document: &'a Document<'input>, weight_max: u64) -> Self {
        let elements = || document.descendants().filter(Node::is_element);
        let mut scales = Self {
            named: elements()
                .filter_map(|node| Some((node.attribute("id")?, node)))
                .collect(),
            by_class: BTreeMap::new(),
            by_all: BTreeSet::new(),
            known: HashMap::new(),
            open: HashSet::new(),
            weight_max,
        };
        let sheets = elements().filter(|node| node.tag_name().name() == "style");
        for text in sheets
            .flat_map(|sheet| sheet.children())
            .filter_map(|node| node.text())
        {
            scales.read_sheet(text);
        }
        scales
    }

    fn read_sheet(&mut self, text: &str) {
        for rule in text.split('}') {
            let Some((selectors, body)) = rule.rsplit_once('{') else {
                continue;
            };
            let names: Vec<String> = references(body).map(str::to_owned).collect();
            if names.is_empty() {
                continue;
            }
            for selector in selectors.split(',').map(str::trim) {
                match selector.strip_prefix('.') {
                    Some(class) if class.chars().all(is_plain) => {
                        let known = self.by_class.entry(class.to_owned()).or_default();
                        known.extend(names.iter().cloned());
                    }
                    // Whom it is about is not worked out: everybody.
                    Some(_) | None => self.by_all.extend(names.iter().cloned()),
                }
            }
        }
    }

    /// Elements and attributes below and including this one; `None` when they are too many.
    fn weight(&mut self, node: Node<'a, 'input>) -> Option<u64> {
        if let Some(known) = self.known.get(&node.id()) {
            return *known;
        }
        if !self.open.insert(node.id()) {
            return Some(0);
        }
        let weight = self.weigh(node).filter(|weight| *weight <= self.weight_max);
        self.open.remove(&node.id());
        self.known.insert(node.id(), weight);
        weight
    }

    fn weigh(&mut self, node: Node<'a, 'input>) -> Option<u64> {
        let mut weight = 1_u64;
        for child in node.children().filter(Node::is_element) {
            weight = weight.checked_add(self.weight(child)?)?;
        }
        for target in self.targets(node) {
            weight = weight.checked_add(self.weight(target)?)?;
        }
        Some(weight)
    }

    /// What an element refers to, as often as it does.
    fn targets(&self, node: Node<'a, 'input>) -> Vec<Node<'a, 'input>> {
        let direct = node.attributes().flat_map(|attribute| {
            let value = attribute.value();
            let href = (attribute.name() == "href").then(|| value.trim().strip_prefix('#'));
            references(value).chain(href.flatten())
        });
        let classes = node.attribute("class").unwrap_or_default();
        let styled = classes
            .split_whitespace()
            .filter_map(|class| self.by_class.get(class))
            .flatten()
            .chain(&self.by_all)
            .map(String::as_str);
        direct
            .chain(styled)
            .filter_map(|name| self.named.get(name).copied())
            .collect()
    }
}

fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '_'
}

/// The names in every `url(#name)` of a text.
fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split("url(").skip(1).filter_map(|rest| {
        let (inner, _) = rest.split_once(')')?;
        let inner = inner.trim().trim_matches(['"', '\'']).trim();
        inner.strip_prefix('#')
    })
}
