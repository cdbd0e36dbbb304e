//! Scripts that are about something that the stack does not have, and why.

use std::collections::BTreeMap;

/// What is left out, by the script's name without `.pkt`.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Exceptions {
    /// Reasons, each with the scripts that it is for.
    #[serde(default)]
    pub reason: Vec<Reason>,
}

/// One thing that the stack does not have.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Reason {
    /// What is missing.
    pub why: String,
    /// Names of scripts; a `*` at the end stands for any rest.
    pub scripts: Vec<String>,
}

impl Exceptions {
    /// The project's list.
    ///
    /// # Panics
    /// If it is none; a test reads it.
    pub fn own() -> Self {
        toml::from_str(include_str!("../exceptions.toml")).expect("a list of exceptions")
    }

    /// Why a script is left out.
    pub fn why(&self, script: &str) -> Option<&str> {
        let named = |name: &String| match name.strip_suffix('*') {
            Some(start) => script.starts_with(start),
            None => script == name,
        };
        self.reason
            .iter()
            .find(|reason| reason.scripts.iter().any(named))
            .map(|reason| reason.why.as_str())
    }

    /// Scripts by reason.
    pub fn by_reason<'a>(&'a self, scripts: &[&'a str]) -> BTreeMap<&'a str, Vec<&'a str>> {
        let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for script in scripts {
            if let Some(why) = self.why(script) {
                found.entry(why).or_default().push(script);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_can_be_read_and_names_no_script_twice() {
        let list = Exceptions::own();
        let mut names: Vec<&String> = list.reason.iter().flat_map(|r| &r.scripts).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(list.reason.iter().all(|reason| !reason.why.is_empty()));
    }

    #[test]
    fn a_star_stands_for_any_rest() {
        let list: Exceptions =
            toml::from_str("[[reason]]\nwhy = 'no'\nscripts = ['a_*', 'b']").unwrap();
        assert_eq!(list.why("a_1"), Some("no"));
        assert_eq!(list.why("b"), Some("no"));
        assert_eq!(list.why("bb"), None);
    }
}
