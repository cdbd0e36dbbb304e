//! System calls, as scripts write them.

/// `name(arguments) = result ERRNO (note)`
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The function.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<Expr>,
    /// What it has to return; `None` for `?`, whatever it may be.
    pub result: Option<Expr>,
    /// The error that -1 has to mean.
    pub errno: Option<String>,
}

/// An argument or result.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// `...`: what packetdrill would choose.
    Ellipsis,
    /// A number.
    Int(i64),
    /// A constant's name.
    Symbol(String),
    /// `"text"`
    Text(String),
    /// `A|B`
    Or(Vec<Expr>),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `{name=value, value}`
    Struct(Vec<Field>),
    /// `htons(80)`
    Apply(String, Vec<Expr>),
}

/// A member of a struct.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name, if it is told.
    pub name: Option<String>,
    /// Its value.
    pub value: Expr,
}

impl Expr {
    /// The member of that name, if this is a struct that has it.
    pub fn field(&self, name: &str) -> Option<&Self> {
        let Self::Struct(fields) = self else {
            return None;
        };
        fields
            .iter()
            .find(|f| f.name.as_deref() == Some(name))
            .map(|f| &f.value)
    }
}
