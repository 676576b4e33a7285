use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sm_common::id::UserId;
use sm_common::ws::Watcher;

/// Who watches a channel, in one process or in all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attendance {
    /// Subscribed connections.
    pub(crate) connections: u64,
    /// Who said who they are, each person once.
    pub(crate) people: Vec<Watcher>,
    /// Whether there are more people than those.
    pub(crate) more: bool,
}

impl Attendance {
    /// Of so many connections, and of those among their people that there is room for.
    pub(crate) fn of(
        connections: usize,
        people: impl IntoIterator<Item = Watcher>,
        people_max: usize,
    ) -> Self {
        let mut distinct: BTreeMap<UserId, Watcher> = BTreeMap::new();
        let mut more = false;
        for person in people {
            if distinct.len() < people_max || distinct.contains_key(&person.user) {
                distinct.insert(person.user, person);
            } else {
                more = true;
            }
        }
        Self {
            connections: u64::try_from(connections).unwrap_or(u64::MAX),
            people: distinct.into_values().collect(),
            more,
        }
    }

    /// Of all processes together.
    pub(crate) fn together(parts: Vec<Self>, people_max: usize) -> Self {
        let connections = parts.iter().map(|part| part.connections).sum();
        let has_more = parts.iter().any(|part| part.more);
        let people = parts.into_iter().flat_map(|part| part.people);
        let all = Self::of(0, people, people_max);
        Self {
            connections,
            more: all.more || has_more,
            people: all.people,
        }
    }
}

#[cfg(test)]
mod tests {
    use sm_common::auth::Role;

    use super::*;

    fn person(name: &str, user: UserId) -> Watcher {
        Watcher {
            user,
            name: name.to_owned(),
            role: Role::Viewer,
        }
    }

    #[test]
    fn a_person_counts_once_and_each_connection_counts() {
        let (ana, ben) = (UserId::generate(), UserId::generate());
        let here = Attendance::of(3, [person("Ana", ana), person("Ana", ana)], 10);
        let there = Attendance::of(2, [person("Ana", ana), person("Ben", ben)], 10);
        let all = Attendance::together(vec![here, there], 10);
        assert_eq!(all.connections, 5);
        assert_eq!(all.people, [person("Ana", ana), person("Ben", ben)]);
        assert!(!all.more);
    }

    #[test]
    fn a_list_that_is_cut_says_so() {
        let people: Vec<_> = (0..3).map(|_| person("x", UserId::generate())).collect();
        let cut = Attendance::of(3, people.clone(), 2);
        assert_eq!((cut.people.len(), cut.more), (2, true));
        let all = Attendance::together(vec![cut, Attendance::default()], 10);
        assert!(all.more, "somebody is missing from a part");
        let parts = people.into_iter().map(|one| Attendance::of(1, [one], 2));
        let all = Attendance::together(parts.collect(), 2);
        assert_eq!((all.connections, all.people.len(), all.more), (3, 2, true));
    }
}
