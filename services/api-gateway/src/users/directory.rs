use std::collections::BTreeMap;

use sm_common::clock::Timestamp;
use sm_common::id::UserId;

use super::{FactorChange, Invited, NewPerson, Patch, Person, Username};
use crate::passwords::PasswordHash;
use crate::second_factor::SecondFactor;

/// Everybody, at one revision.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    people: BTreeMap<String, Person>,
}

/// A change that is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The person is now this.
    Put(Box<Person>),
    /// The person is gone.
    Remove(Box<Person>),
}

/// Why a change is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there is no such user")]
    Unknown,
    #[error("the name is taken")]
    Exists,
    #[error("there are {0} users, and no more may be")]
    Full(usize),
    #[error("nobody would be left who can manage people")]
    LastAdmin,
    #[error("the code has been used")]
    CodeUsed,
    #[error("the link has been used, or the password is another by now")]
    LinkUsed,
}

impl Change {
    /// Whom it is about.
    pub(crate) fn person(&self) -> &Person {
        match self {
            Self::Put(person) | Self::Remove(person) => person,
        }
    }
}

impl FromIterator<Person> for Directory {
    fn from_iter<T: IntoIterator<Item = Person>>(people: T) -> Self {
        let people = people
            .into_iter()
            .map(|person| (person.name.key(), person))
            .collect();
        Self { people }
    }
}

impl Directory {
    /// Whether there is nobody.
    pub(crate) fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Everybody, by name.
    pub(crate) fn into_people(self) -> Vec<Person> {
        self.people.into_values().collect()
    }

    /// The person with this name.
    pub(crate) fn get(&self, name: &Username) -> Option<&Person> {
        self.people.get(&name.key())
    }

    /// Adds a person, where the name is free and there are fewer than `count_max`.
    pub(crate) fn add(
        &self,
        id: UserId,
        new: NewPerson,
        count_max: usize,
        now: Timestamp,
    ) -> Result<Change, Refusal> {
        if self.people.contains_key(&new.name.key()) {
            return Err(Refusal::Exists);
        }
        if self.people.len() >= count_max {
            return Err(Refusal::Full(count_max));
        }
        Ok(Change::Put(Box::new(Person::new(id, new, now))))
    }

    /// Changes a person. The last admin stays one.
    pub(crate) fn patch(
        &self,
        name: &Username,
        patch: Patch,
        now: Timestamp,
    ) -> Result<Change, Refusal> {
        let known = self.find(name)?;
        let changed = known.clone().patched(patch, now);
        if !changed.is_active_admin() {
            self.spare_last_admin(known)?;
        }
        Ok(Change::Put(Box::new(changed)))
    }

    /// Gives a person the password that they chose by a link, unless they have another by now.
    pub(crate) fn choose_password(
        &self,
        invited: &Invited,
        password: PasswordHash,
        now: Timestamp,
    ) -> Result<Change, Refusal> {
        let known = self.get(&invited.name).ok_or(Refusal::LinkUsed)?;
        if known.id != invited.user || known.generation != invited.generation {
            return Err(Refusal::LinkUsed);
        }
        let patch = Patch {
            password: Some(password),
            ..Patch::default()
        };
        Ok(Change::Put(Box::new(known.clone().patched(patch, now))))
    }

    /// Takes a recovery code of a person away, where it is still there.
    pub(crate) fn use_recovery_code(
        &self,
        id: UserId,
        name: &Username,
        code: &str,
        now: Timestamp,
    ) -> Result<Change, Refusal> {
        let known = self.find(name)?;
        let factor = known.second_factor.as_ref().filter(|_| known.id == id);
        let factor = factor.ok_or(Refusal::CodeUsed)?;
        let recovery = factor.recovery.without(code).ok_or(Refusal::CodeUsed)?;
        let patch = Patch {
            second_factor: FactorChange::Set(Box::new(SecondFactor {
                recovery,
                ..factor.clone()
            })),
            ..Patch::default()
        };
        Ok(Change::Put(Box::new(known.clone().patched(patch, now))))
    }

    /// Removes a person, unless it is the last admin.
    pub(crate) fn remove(&self, name: &Username) -> Result<Change, Refusal> {
        let known = self.find(name)?;
        self.spare_last_admin(known)?;
        Ok(Change::Remove(Box::new(known.clone())))
    }

    fn find(&self, name: &Username) -> Result<&Person, Refusal> {
        self.get(name).ok_or(Refusal::Unknown)
    }

    fn spare_last_admin(&self, leaving: &Person) -> Result<(), Refusal> {
        let another = self
            .people
            .values()
            .any(|person| person.is_active_admin() && person.id != leaving.id);
        if another || !leaving.is_active_admin() {
            Ok(())
        } else {
            Err(Refusal::LastAdmin)
        }
    }
}

#[cfg(test)]
mod tests {
    use sm_common::auth::Role;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_000);

    fn name(text: &str) -> Username {
        text.parse().unwrap()
    }

    fn person(text: &str, role: Role) -> NewPerson {
        let password = serde_json::from_str("\"hash\"").unwrap();
        NewPerson {
            name: name(text),
            role,
            password,
        }
    }

    fn directory(people: &[(&str, Role)]) -> Directory {
        people
            .iter()
            .map(|(text, role)| Person::new(UserId::generate(), person(text, *role), NOW))
            .collect()
    }

    #[test]
    fn a_name_is_given_once_whatever_its_case() {
        let directory = directory(&[("ada", Role::Admin)]);
        let added = directory.add(UserId::generate(), person("ADA", Role::Viewer), 9, NOW);
        assert_eq!(added, Err(Refusal::Exists));
    }

    #[test]
    fn there_is_a_most_number_of_people() {
        let directory = directory(&[("ada", Role::Admin)]);
        let added = directory.add(UserId::generate(), person("bob", Role::Viewer), 1, NOW);
        assert_eq!(added, Err(Refusal::Full(1)));
    }

    #[test]
    fn the_last_admin_stays_whatever_is_tried() {
        let directory = directory(&[("ada", Role::Admin), ("bob", Role::Operator)]);
        let demote = Patch {
            role: Some(Role::Viewer),
            ..Patch::default()
        };
        let disable = Patch {
            disabled: Some(true),
            ..Patch::default()
        };
        let ada = name("ada");
        let last_admin = Some(Refusal::LastAdmin);
        assert_eq!(directory.patch(&ada, demote, NOW).err(), last_admin);
        assert_eq!(
            directory.patch(&ada, disable.clone(), NOW).err(),
            last_admin
        );
        assert_eq!(directory.remove(&ada).err(), last_admin);
        assert!(directory.patch(&name("bob"), disable, NOW).is_ok());
        assert!(directory.remove(&name("bob")).is_ok());
    }

    #[test]
    fn a_second_admin_lets_the_first_one_go() {
        let directory = directory(&[("ada", Role::Admin), ("bob", Role::Admin)]);
        assert!(directory.remove(&name("ada")).is_ok());
    }

    #[test]
    fn each_change_ends_what_it_must_and_no_more() {
        let directory = directory(&[("ada", Role::Admin), ("bob", Role::Viewer)]);
        let after = |patch| {
            let change = directory.patch(&name("bob"), patch, NOW).unwrap();
            (change.person().generation, change.person().standing)
        };
        let role = |role| Patch {
            role: Some(role),
            ..Patch::default()
        };
        let disabled = |disabled| Patch {
            disabled: Some(disabled),
            ..Patch::default()
        };
        let password = Patch {
            password: serde_json::from_str("\"other\"").ok(),
            ..Patch::default()
        };
        let sign_out = Patch {
            sign_out: true,
            ..Patch::default()
        };
        // (sign-ins that end, tokens that end)
        assert_eq!(after(Patch::default()), (0, 0));
        assert_eq!(after(role(Role::Viewer)), (0, 0));
        assert_eq!(after(role(Role::Operator)), (0, 1));
        assert_eq!(after(disabled(false)), (0, 0));
        assert_eq!(after(disabled(true)), (1, 1));
        assert_eq!(after(password), (1, 1));
        assert_eq!(after(sign_out), (1, 1));
    }
}
