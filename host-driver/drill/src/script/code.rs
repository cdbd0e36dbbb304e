//! Assertions between `%{` and `}%`: the small part of Python that scripts use, over the members of `struct tcp_info`.

use std::collections::BTreeMap;

use winnow::ascii::{digit1, hex_digit1};
use winnow::combinator::{alt, delimited, opt, preceded, repeat, terminated};
use winnow::error::ContextError;
use winnow::prelude::*;
use winnow::token::{one_of, take_while};

type Result<T> = winnow::ModalResult<T, ContextError>;

/// What an expression is worth. Truth is 0 or 1.
pub type Value = i128;

/// Statements that have been read.
#[derive(Clone, Debug)]
pub struct Code(Vec<Statement>);

#[derive(Clone, Debug)]
enum Statement {
    /// `assert expression, message`
    Assert { condition: Node, text: String },
    /// `name = expression`
    Let(String, Node),
}

#[derive(Clone, Debug)]
enum Node {
    Int(Value),
    Name(String),
    Not(Box<Node>),
    Negative(Box<Node>),
    Inverse(Box<Node>),
    Binary(Box<Node>, Operator, Box<Node>),
    /// `a < b <= c`
    Chain(Box<Node>, Vec<(Operator, Node)>),
}

#[derive(Clone, Copy, Debug)]
enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    BitOr,
    BitXor,
    BitAnd,
    Left,
    Right,
    Plus,
    Minus,
    Times,
    Divide,
    Modulo,
}

/// Why code does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// More of Python than is known here.
    #[error("code that is not understood: {0}")]
    Unknown(String),
    /// A name that means nothing.
    #[error("nobody knows what {0} is")]
    Name(String),
    /// An assertion that does not hold; the names in it and their values.
    #[error("not true: {text} ({values})")]
    False {
        /// The assertion.
        text: String,
        /// `name = value`, ...
        values: String,
    },
    /// A number too large, or a division by zero.
    #[error("no number: {0}")]
    Arithmetic(String),
}

impl Code {
    /// Reads statements.
    ///
    /// # Errors
    /// The first that is not understood.
    pub fn parse(text: &str) -> std::result::Result<Self, CodeError> {
        let statements = split(text)
            .into_iter()
            .map(|text| {
                let text = text.trim();
                statement(text).ok_or_else(|| CodeError::Unknown(text.to_owned()))
            })
            .collect::<std::result::Result<_, _>>()?;
        Ok(Self(statements))
    }

    /// Whether all of it holds, with the values that `look_up` gives names.
    ///
    /// # Errors
    /// The first assertion that does not hold.
    pub fn check(
        &self,
        look_up: &dyn Fn(&str) -> Option<Value>,
    ) -> std::result::Result<(), CodeError> {
        let mut own = BTreeMap::new();
        for statement in &self.0 {
            let names = |name: &str| own.get(name).copied().or_else(|| look_up(name));
            match statement {
                Statement::Assert { condition, text } => {
                    if condition.value(&names)? == 0 {
                        let mut used = Vec::new();
                        condition.names(&mut used);
                        let values: Vec<String> = used
                            .iter()
                            .filter_map(|name| Some(format!("{name} = {}", names(name)?)))
                            .collect();
                        return Err(CodeError::False {
                            text: text.clone(),
                            values: values.join(", "),
                        });
                    }
                }
                Statement::Let(name, node) => {
                    let value = node.value(&names)?;
                    own.insert(name.clone(), value);
                }
            }
        }
        Ok(())
    }
}

/// Statements end with a line or a semicolon; not within parentheses or quotes, nor after a backslash.
fn split(text: &str) -> Vec<String> {
    let text = text.replace("\\\n", " ");
    let mut statements = vec![String::new()];
    let (mut depth, mut quote, mut comment) = (0i32, None, false);
    for c in text.chars() {
        match c {
            '\n' if depth == 0 => {
                comment = false;
                quote = None;
                statements.push(String::new());
                continue;
            }
            '\n' => comment = false,
            _ if comment => continue,
            '\'' | '"' if quote == Some(c) => quote = None,
            '\'' | '"' if quote.is_none() => quote = Some(c),
            _ if quote.is_some() => {}
            '#' => {
                comment = true;
                continue;
            }
            ';' => {
                statements.push(String::new());
                continue;
            }
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
        if let Some(last) = statements.last_mut() {
            last.push(c);
        }
    }
    statements.retain(|s| !s.trim().is_empty());
    statements
}

fn statement(text: &str) -> Option<Statement> {
    let whole = |text: &str| {
        let mut rest = text.trim();
        let node = disjunction.parse_next(&mut rest).ok()?;
        // What follows a comma is the message.
        (rest.is_empty() || rest.starts_with(',')).then_some(node)
    };
    if let Some(text) = text.strip_prefix("assert") {
        if !text.starts_with([' ', '\t', '(']) {
            return None;
        }
        let condition = whole(text)?;
        return Some(Statement::Assert {
            condition,
            text: text.trim().to_owned(),
        });
    }
    let (name, value) = text.split_once('=')?;
    let name = name.trim();
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (is_name && !name.is_empty())
        .then(|| whole(value))
        .flatten()
        .map(|node| Statement::Let(name.to_owned(), node))
}

fn ws(input: &mut &str) -> Result<()> {
    take_while(0.., |c: char| c.is_whitespace())
        .void()
        .parse_next(input)
}

fn tok<'a, O>(
    inner: impl Parser<&'a str, O, winnow::error::ErrMode<ContextError>>,
) -> impl Parser<&'a str, O, winnow::error::ErrMode<ContextError>> {
    terminated(inner, ws)
}

type Level = fn(&mut &str) -> Result<Node>;

/// Operators of one level, which bind from the left.
fn binary(
    input: &mut &str,
    below: Level,
    operator: fn(&mut &str) -> Result<Operator>,
) -> Result<Node> {
    let mut node = below(input)?;
    while let Some(operator) = opt(tok(operator)).parse_next(input)? {
        let right = below(input)?;
        node = Node::Binary(Box::new(node), operator, Box::new(right));
    }
    Ok(node)
}

fn disjunction(input: &mut &str) -> Result<Node> {
    binary(input, conjunction, |i| {
        "or".value(Operator::Or).parse_next(i)
    })
}

fn conjunction(input: &mut &str) -> Result<Node> {
    binary(input, negation, |i| {
        "and".value(Operator::And).parse_next(i)
    })
}

fn negation(input: &mut &str) -> Result<Node> {
    if opt(tok(terminated("not", one_of([' ', '(']))))
        .parse_next(input)?
        .is_some()
    {
        return Ok(Node::Not(Box::new(negation(input)?)));
    }
    comparison(input)
}

fn comparison(input: &mut &str) -> Result<Node> {
    let first = bit_or(input)?;
    let operator = alt((
        "==".value(Operator::Equal),
        "!=".value(Operator::Unequal),
        "<=".value(Operator::LessOrEqual),
        ">=".value(Operator::GreaterOrEqual),
        "<".value(Operator::Less),
        ">".value(Operator::Greater),
    ));
    let rest: Vec<_> = repeat(0.., (tok(operator), bit_or)).parse_next(input)?;
    Ok(if rest.is_empty() {
        first
    } else {
        Node::Chain(Box::new(first), rest)
    })
}

fn bit_or(input: &mut &str) -> Result<Node> {
    binary(input, bit_xor, |i| '|'.value(Operator::BitOr).parse_next(i))
}

fn bit_xor(input: &mut &str) -> Result<Node> {
    binary(input, bit_and, |i| {
        '^'.value(Operator::BitXor).parse_next(i)
    })
}

fn bit_and(input: &mut &str) -> Result<Node> {
    binary(input, shift, |i| '&'.value(Operator::BitAnd).parse_next(i))
}

fn shift(input: &mut &str) -> Result<Node> {
    binary(input, sum, |i| {
        alt(("<<".value(Operator::Left), ">>".value(Operator::Right))).parse_next(i)
    })
}

fn sum(input: &mut &str) -> Result<Node> {
    binary(input, product, |i| {
        alt(('+'.value(Operator::Plus), '-'.value(Operator::Minus))).parse_next(i)
    })
}

fn product(input: &mut &str) -> Result<Node> {
    binary(input, unary, |i| {
        alt((
            '*'.value(Operator::Times),
            "//".value(Operator::Divide),
            '%'.value(Operator::Modulo),
        ))
        .parse_next(i)
    })
}

fn unary(input: &mut &str) -> Result<Node> {
    if opt(tok('-')).parse_next(input)?.is_some() {
        return Ok(Node::Negative(Box::new(unary(input)?)));
    }
    if opt(tok('~')).parse_next(input)?.is_some() {
        return Ok(Node::Inverse(Box::new(unary(input)?)));
    }
    primary(input)
}

fn primary(input: &mut &str) -> Result<Node> {
    let hexadecimal =
        preceded("0x", hex_digit1).try_map(|digits: &str| Value::from_str_radix(digits, 16));
    let decimal = digit1.try_map(|digits: &str| digits.parse::<Value>());
    let name = (
        one_of(|c: char| c.is_ascii_alphabetic() || c == '_'),
        take_while(0.., |c: char| c.is_ascii_alphanumeric() || c == '_'),
    )
        .take()
        .map(|name: &str| match name {
            "True" => Node::Int(1),
            "False" => Node::Int(0),
            _ => Node::Name(name.to_owned()),
        });
    alt((
        delimited(tok('('), disjunction, tok(')')),
        tok(hexadecimal).map(Node::Int),
        tok(decimal).map(Node::Int),
        tok(name),
    ))
    .parse_next(input)
}

impl Node {
    fn names(&self, into: &mut Vec<String>) {
        match self {
            Self::Int(_) => {}
            Self::Name(name) => into.push(name.clone()),
            Self::Not(node) | Self::Negative(node) | Self::Inverse(node) => node.names(into),
            Self::Binary(left, _, right) => {
                left.names(into);
                right.names(into);
            }
            Self::Chain(first, rest) => {
                first.names(into);
                for (_, node) in rest {
                    node.names(into);
                }
            }
        }
    }

    fn value(
        &self,
        look_up: &dyn Fn(&str) -> Option<Value>,
    ) -> std::result::Result<Value, CodeError> {
        Ok(match self {
            Self::Int(value) => *value,
            Self::Name(name) => look_up(name).ok_or_else(|| CodeError::Name(name.clone()))?,
            Self::Not(node) => Value::from(node.value(look_up)? == 0),
            Self::Negative(node) => -node.value(look_up)?,
            Self::Inverse(node) => !node.value(look_up)?,
            Self::Binary(left, operator, right) => {
                operator.apply(left.value(look_up)?, right.value(look_up)?)?
            }
            Self::Chain(first, rest) => {
                let mut left = first.value(look_up)?;
                for (operator, node) in rest {
                    let right = node.value(look_up)?;
                    if operator.apply(left, right)? == 0 {
                        return Ok(0);
                    }
                    left = right;
                }
                1
            }
        })
    }
}

impl Operator {
    fn apply(self, left: Value, right: Value) -> std::result::Result<Value, CodeError> {
        let bits = || u32::try_from(right).ok();
        let result = match self {
            Self::Or => Some(Value::from(left != 0 || right != 0)),
            Self::And => Some(Value::from(left != 0 && right != 0)),
            Self::Equal => Some(Value::from(left == right)),
            Self::Unequal => Some(Value::from(left != right)),
            Self::Less => Some(Value::from(left < right)),
            Self::LessOrEqual => Some(Value::from(left <= right)),
            Self::Greater => Some(Value::from(left > right)),
            Self::GreaterOrEqual => Some(Value::from(left >= right)),
            Self::BitOr => Some(left | right),
            Self::BitXor => Some(left ^ right),
            Self::BitAnd => Some(left & right),
            Self::Left => bits().and_then(|by| left.checked_shl(by)),
            Self::Right => bits().and_then(|by| left.checked_shr(by)),
            Self::Plus => left.checked_add(right),
            Self::Minus => left.checked_sub(right),
            Self::Times => left.checked_mul(right),
            Self::Divide => left.checked_div_euclid(right),
            Self::Modulo => left.checked_rem_euclid(right),
        };
        result.ok_or_else(|| CodeError::Arithmetic(format!("{left} {self:?} {right}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> std::result::Result<(), CodeError> {
        let names = |name: &str| match name {
            "tcpi_snd_cwnd" => Some(10),
            "tcpi_options" => Some(5),
            _ => None,
        };
        Code::parse(text)?.check(&names)
    }

    #[test]
    fn what_is_true_passes() {
        for text in [
            "assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd",
            "assert tcpi_snd_cwnd == 10, 'cwnd=%d; %s' % tcpi_snd_cwnd # why",
            "\nassert (tcpi_options & 4) != 0, 1\nassert (tcpi_options & 2) == 0\n",
            "assert 9 <= tcpi_snd_cwnd <= 11; assert 1460 - 12 == 1448; \\\n assert 1",
            "half = tcpi_snd_cwnd // 2\nassert half == 5 and not half > 5",
            "assert -1 + 0x10 << 1 | 1 == 31 or False",
            "assert (1 ==\n 1)",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_is_not_true_is_told_with_its_values() {
        let error = check("assert 11 <= tcpi_snd_cwnd <= 20, 'x'").unwrap_err();
        assert!(error.to_string().contains("tcpi_snd_cwnd = 10"), "{error}");
        assert_eq!(
            check("assert other == 1"),
            Err(CodeError::Name("other".into()))
        );
        assert!(matches!(check("import sys"), Err(CodeError::Unknown(_))));
        assert!(matches!(
            check("assert len(x) == 1"),
            Err(CodeError::Unknown(_))
        ));
        assert!(matches!(
            check("assert 1 // 0 == 1"),
            Err(CodeError::Arithmetic(_))
        ));
    }
}
