//! The rules and what to do about a finding.

use std::{fmt, path::PathBuf};

/// A trap of rust-hdl's translation. The numbers are those of docs/KERNEL-RULES.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Verilog binds operators otherwise than Rust.
    MixedOperators = 1,
    /// Verilog computes `+ - << !` wider than Rust where the context is wider.
    Widening = 2,
    /// A slice of an expression is no Verilog.
    SliceOfExpression = 3,
    /// Array elements are separate nets: no index from a signal.
    ArrayIndex = 4,
    /// Rust's names do not exist in Verilog.
    UnknownName = 5,
    /// Patterns are printed as they are written.
    Pattern = 6,
    /// Not part of the kernel language.
    NotInKernel = 7,
    /// No write to a part of a signal.
    SliceWrite = 8,
    /// Negation in `replace_bit`, cast of a shifted cast.
    NestedCast = 9,
    /// A keyword of Verilog or a word that Verilator's C++ cannot use.
    Keyword = 10,
    /// `join` and `link` drop nets.
    JoinOrLink = 11,
    /// Nothing ever triggers the kernel.
    ConstantKernel = 12,
    /// A latch, a stale read, or a reset that does not win.
    Order = 13,
    /// Structs that print garbage.
    Struct = 14,
    /// Widths cannot be computed in a type.
    ComputedWidth = 15,
}

impl Rule {
    /// All rules, by number.
    pub const ALL: [Self; 15] = [
        Self::MixedOperators,
        Self::Widening,
        Self::SliceOfExpression,
        Self::ArrayIndex,
        Self::UnknownName,
        Self::Pattern,
        Self::NotInKernel,
        Self::SliceWrite,
        Self::NestedCast,
        Self::Keyword,
        Self::JoinOrLink,
        Self::ConstantKernel,
        Self::Order,
        Self::Struct,
        Self::ComputedWidth,
    ];

    /// What to write instead.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::MixedOperators => "put parentheses around the inner operation",
            Self::Widening => "assign it to a Local of its exact width first",
            Self::SliceOfExpression => "assign it to a Local and slice the Local's val()",
            Self::ArrayIndex => "loop over the array with an `if` that compares the index",
            Self::UnknownName => "use a literal, or a Constant field",
            Self::Pattern => "use plain decimal literals, enum paths and _",
            Self::NotInKernel => "use a sub-module, a Local, or if/match statements",
            Self::SliceWrite => {
                "use replace_bit, shift-and-or, struct fields, or an array of Locals"
            }
            Self::NestedCast => "assign the inner value to a Local first",
            Self::Keyword => "choose another name",
            Self::JoinOrLink => "assign the interface field by field",
            Self::ConstantKernel => "use a Constant where it is needed",
            Self::Order => {
                "dff_setup! first, then defaults for every output and Local, then logic, then the reset override"
            }
            Self::Struct => {
                "keep register structs flat and non-generic, and read one field at a time"
            }
            Self::ComputedWidth => "pass both widths and assert their relation in Default",
        }
    }
}

/// A rule broken at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// The rule.
    pub rule: Rule,
    /// What was found.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            line,
            column,
            rule,
            message,
        } = self;
        write!(
            f,
            "{}:{line}:{column}: rule {} ({rule:?}): {message}; {}",
            path.display(),
            *rule as u8,
            rule.remedy()
        )
    }
}
