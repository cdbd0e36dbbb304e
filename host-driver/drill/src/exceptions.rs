//! Scripts that are not played, and why: the stack lacks what they are about, or they are about something of the kernel's own.

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
    /// Whether the stack could have it.
    pub kind: Kind,
    /// What is missing.
    pub why: String,
    /// Names of scripts; a `*` at the end stands for any rest.
    pub scripts: Vec<String>,
}

/// Why scripts are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub enum Kind {
    /// The stack lacks it.
    #[serde(rename = "not implemented")]
    NotImplemented,
    /// It is the kernel's own, behind no function of packetdrill's table.
    #[serde(rename = "not applicable")]
    NotApplicable,
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
    pub fn why(&self, script: &str) -> Option<&Reason> {
        let named = |name: &String| match name.strip_suffix('*') {
            Some(start) => script.starts_with(start),
            None => script == name,
        };
        self.reason
            .iter()
            .find(|reason| reason.scripts.iter().any(named))
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
        let list: Exceptions = toml::from_str(
            "[[reason]]\nkind = 'not implemented'\nwhy = 'no'\nscripts = ['a_*', 'b']",
        )
        .unwrap();
        let why = |script| list.why(script).map(|reason| (reason.kind, &*reason.why));
        assert_eq!(why("a_1"), Some((Kind::NotImplemented, "no")));
        assert_eq!(why("b"), why("a_1"));
        assert_eq!(why("bb"), None);
    }
}
