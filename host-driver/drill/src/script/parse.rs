//! The parser of scripts.

use winnow::ascii::{digit1, hex_digit1};
use winnow::combinator::{alt, delimited, opt, peek, preceded, separated, terminated};
use winnow::error::ContextError;
use winnow::prelude::*;
use winnow::token::{one_of, take_till, take_until, take_while};

use super::packet::{Direction, Ecn, Icmp, IpInfo, Options, Packet, Segment, TcpOption, Transport};
use super::strip::strip;
use super::{Action, Call, Event, Expr, Field, Script, Time};

type Result<T> = winnow::ModalResult<T, ContextError>;

/// What cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} cannot be read: {text}")]
pub struct ParseError {
    /// From 1.
    pub line: usize,
    /// The line from where reading stopped.
    pub text: String,
}

/// Reads a script.
///
/// # Errors
/// Where reading stopped.
pub fn parse(text: &str) -> std::result::Result<Script, ParseError> {
    let stripped = strip(text);
    let mut script = Script::default();
    let mut rest = stripped.as_str();
    let line = |rest: &str| {
        let read = &stripped[..stripped.len() - rest.len()];
        1 + read.matches('\n').count()
    };
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(script);
        }
        let at = line(rest);
        let stopped = |rest: &str| ParseError {
            line: line(rest),
            text: rest.lines().next().unwrap_or_default().to_owned(),
        };
        if rest.starts_with("--") && script.events.is_empty() {
            let whole = rest.lines().next().unwrap_or_default();
            for word in whole.split_whitespace() {
                let word = word.strip_prefix("--").ok_or_else(|| stopped(rest))?;
                let (name, value) = word.split_once('=').unwrap_or((word, ""));
                script.options.push((name.to_owned(), value.to_owned()));
            }
            rest = &rest[whole.len()..];
        } else if rest.starts_with('`') {
            let command = command.parse_next(&mut rest).map_err(|_| stopped(rest))?;
            // After the last event it only cleans up what the shell did.
            if script.events.is_empty() {
                script.setup.push(command);
            }
        } else {
            let (time, until) = time.parse_next(&mut rest).map_err(|_| stopped(rest))?;
            let begun = rest;
            let action = action.parse_next(&mut rest).map_err(|_| stopped(begun))?;
            script.events.push(Event {
                line: at,
                time,
                until,
                action,
            });
        }
    }
}

fn ws(input: &mut &str) -> Result<()> {
    take_while(0.., |c: char| c.is_whitespace())
        .void()
        .parse_next(input)
}

/// A token and the blanks after it.
fn tok<'a, O>(
    inner: impl Parser<&'a str, O, winnow::error::ErrMode<ContextError>>,
) -> impl Parser<&'a str, O, winnow::error::ErrMode<ContextError>> {
    terminated(inner, ws)
}

fn number<T: std::str::FromStr>(input: &mut &str) -> Result<T> {
    digit1
        .verify_map(|digits: &str| digits.parse().ok())
        .parse_next(input)
}

/// Seconds with a fraction, in microseconds. `0...0.1` is `0`, three dots, `0.1`.
fn seconds(input: &mut &str) -> Result<i64> {
    fn fraction<'a>(input: &mut &'a str) -> Result<&'a str> {
        preceded('.', digit1).parse_next(input)
    }
    let (whole, fraction): (&str, &str) = alt((
        (digit1, opt(fraction)).map(|(w, f): (&str, Option<&str>)| (w, f.unwrap_or(""))),
        fraction.map(|f: &str| ("0", f)),
    ))
    .parse_next(input)?;
    let micros = format!("{whole}{:0<6.6}", fraction);
    micros
        .parse()
        .map_err(|_| winnow::error::ErrMode::Backtrack(ContextError::new()))
}

fn time(input: &mut &str) -> Result<(Time, Option<i64>)> {
    if opt(tok('*')).parse_next(input)?.is_some() {
        return Ok((Time::Any, None));
    }
    let relative = opt('+').parse_next(input)?.is_some();
    let first = tok(seconds).parse_next(input)?;
    if opt(tok("...")).parse_next(input)?.is_some() {
        let until = tok(preceded(opt('+'), seconds)).parse_next(input)?;
        let time = if relative {
            Time::After(first)
        } else {
            Time::At(first)
        };
        return Ok((time, Some(until)));
    }
    let time = if opt(tok('~')).parse_next(input)?.is_some() {
        let last = tok(preceded(opt('+'), seconds)).parse_next(input)?;
        if relative {
            Time::AfterBetween(first, last)
        } else {
            Time::AtBetween(first, last)
        }
    } else if relative {
        Time::After(first)
    } else {
        Time::At(first)
    };
    Ok((time, None))
}

fn command(input: &mut &str) -> Result<String> {
    delimited('`', take_till(0.., '`'), '`')
        .map(str::to_owned)
        .parse_next(input)
}

fn action(input: &mut &str) -> Result<Action> {
    let code = delimited("%{", take_until(0.., "}%"), "}%");
    tok(alt((
        command.map(Action::Command),
        code.map(|text: &str| Action::Code(text.to_owned())),
        packet.map(Action::Packet),
        call.map(Action::Call),
    )))
    .parse_next(input)
}

fn packet(input: &mut &str) -> Result<Packet> {
    let direction = tok(alt((
        '<'.value(Direction::Inbound),
        '>'.value(Direction::Outbound),
    )))
    .parse_next(input)?;
    let ip = ip_info.parse_next(input)?;
    let transport = alt((
        icmp.map(Transport::Icmp),
        preceded(tok("udp"), length).map(Transport::Udp),
        segment.map(Transport::Tcp),
    ))
    .parse_next(input)?;
    Ok(Packet {
        direction,
        ip,
        transport,
    })
}

fn ip_info(input: &mut &str) -> Result<IpInfo> {
    let mut info = IpInfo::default();
    let inner = delimited(tok('['), take_till(1.., ']'), tok(']'));
    let Some(text) = opt(inner).parse_next(input)? else {
        return Ok(info);
    };
    for item in text.split(',') {
        let words: Vec<&str> = item.split_whitespace().collect();
        match words[..] {
            ["noecn"] => info.ecn = Some(Ecn::Not),
            ["ect0"] => info.ecn = Some(Ecn::Ect0),
            ["ect1"] => info.ecn = Some(Ecn::Ect1),
            ["ect01"] => info.ecn = Some(Ecn::Ect01),
            ["ce"] => info.ecn = Some(Ecn::Ce),
            ["tos", value] => info.tos = Some(octet(value)?),
            ["ttl", value] => info.ttl = Some(octet(value)?),
            _ => return Err(refuse()),
        }
    }
    Ok(info)
}

fn refuse() -> winnow::error::ErrMode<ContextError> {
    winnow::error::ErrMode::Cut(ContextError::new())
}

fn octet(text: &str) -> Result<u8> {
    text.strip_prefix("0x")
        .map_or_else(|| text.parse(), |hex| u8::from_str_radix(hex, 16))
        .map_err(|_| refuse())
}

/// `(1000)`
fn length(input: &mut &str) -> Result<usize> {
    delimited(tok('('), tok(number), tok(')')).parse_next(input)
}

/// `1:1001(1000)`; the second number is the sum of the others.
fn range(input: &mut &str) -> Result<(u32, usize)> {
    (
        terminated(tok(number), tok(':')),
        tok(number::<u32>),
        length,
    )
        .verify(|(seq, end, len): &(u32, u32, usize)| {
            u32::try_from(*len).is_ok_and(|len| seq.wrapping_add(len) == *end)
        })
        .map(|(seq, _, len)| (seq, len))
        .parse_next(input)
}

fn word<'a>(input: &mut &'a str) -> Result<&'a str> {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    (
        one_of(first),
        take_while(0.., |c: char| c.is_ascii_alphanumeric() || c == '_'),
    )
        .take()
        .parse_next(input)
}

fn icmp(input: &mut &str) -> Result<Icmp> {
    tok("icmp").parse_next(input)?;
    let kind = tok(word).map(str::to_owned).parse_next(input)?;
    let mut icmp = Icmp {
        kind,
        code: None,
        mtu: 0,
        about: None,
    };
    while let Some(name) = opt(tok(word)).parse_next(input)? {
        if name == "mtu" {
            icmp.mtu = tok(number).parse_next(input)?;
        } else {
            icmp.code = Some(name.to_owned());
        }
    }
    let udp = preceded(tok("udp"), length).map(|len| (None, len));
    let tcp = range.map(|(seq, len)| (Some(seq), len));
    icmp.about = opt(delimited(tok('['), alt((udp, tcp)), tok(']'))).parse_next(input)?;
    Ok(icmp)
}

fn segment(input: &mut &str) -> Result<Segment> {
    let flags = alt((
        "-".value(String::new()),
        take_while(1.., |c: char| "FSRPEWUA.".contains(c)).map(str::to_owned),
    ))
    .parse_next(input)?;
    let ace = opt(number).parse_next(input)?;
    // `.5` or `P5.`: the counter may stand before the acknowledgement.
    let point = opt(".").parse_next(input)?.unwrap_or("");
    let flags = flags + point;
    ws(input)?;
    let (seq, len) = range.parse_next(input)?;
    let mut segment = Segment {
        flags,
        ace,
        seq,
        len,
        ..Segment::default()
    };
    loop {
        // A field's name is followed by blanks and a number; anything else belongs to the next event.
        if opt(tok("ack")).parse_next(input)?.is_some() {
            segment.ack = Some(tok(number).parse_next(input)?);
        } else if opt(tok("win")).parse_next(input)?.is_some() {
            segment.window = Some(tok(number).parse_next(input)?);
        } else if opt(tok("urg")).parse_next(input)?.is_some() {
            segment.urgent = Some(tok(number).parse_next(input)?);
        } else {
            break;
        }
    }
    if opt('<').parse_next(input)?.is_some() {
        let text = terminated(take_till(0.., '>'), tok('>')).parse_next(input)?;
        segment.options = options(text).ok_or_else(refuse)?;
    }
    Ok(segment)
}

fn options(text: &str) -> Option<Options> {
    if text.trim() == "..." {
        return Some(Options::Any);
    }
    let parts = text.split(',').filter(|part| !part.trim().is_empty());
    parts.map(option).collect::<Option<_>>().map(Options::These)
}

fn option(text: &str) -> Option<TcpOption> {
    let words: Vec<&str> = text.split_whitespace().collect();
    Some(match words[..] {
        ["eol"] => TcpOption::Eol,
        ["nop"] => TcpOption::Nop,
        ["mss", value] => TcpOption::Mss(value.parse().ok()?),
        ["wscale", value] => TcpOption::WindowScale(value.parse().ok()?),
        ["sackOK"] => TcpOption::SackOk,
        ["sack", ref blocks @ ..] => {
            let block = |text: &&str| {
                let (left, right) = text.split_once(':')?;
                Some((left.parse().ok()?, right.parse().ok()?))
            };
            TcpOption::Sack(blocks.iter().map(block).collect::<Option<_>>()?)
        }
        ["TS", "val", value, "ecr", echo] => {
            TcpOption::Timestamp(value.parse().ok()?, echo.parse().ok()?)
        }
        ["FO"] => TcpOption::FastOpen(String::new(), false),
        ["FO", cookie] => TcpOption::FastOpen(cookie.to_owned(), false),
        ["FOEXP"] => TcpOption::FastOpen(String::new(), true),
        ["FOEXP", cookie] => TcpOption::FastOpen(cookie.to_owned(), true),
        ["md5", digest] => TcpOption::Other(19, hex(digest)?),
        ["ECN", ref fields @ ..] => acc_ecn(fields)?,
        _ => return None,
    })
}

/// AccECN's option (RFC 9768, section 3.2.3): three counters of 24 bits, of which the last may be left out; the kind says
/// which comes first.
fn acc_ecn(words: &[&str]) -> Option<TcpOption> {
    const ORDER_0: u8 = 172;
    const ORDER_1: u8 = 174;
    let kind = match words.first() {
        Some(&"e1b") => ORDER_1,
        _ => ORDER_0,
    };
    let mut data = Vec::new();
    for pair in words.chunks(2) {
        let [_, value] = pair else { return None };
        data.extend(&value.parse::<u32>().ok()?.to_be_bytes()[1..]);
    }
    Some(TcpOption::Other(kind, data))
}

/// Octets from hexadecimal digits.
pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect();
    let digits = digits?;
    digits.len().is_multiple_of(2).then(|| {
        digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()
    })
}

fn call(input: &mut &str) -> Result<Call> {
    let name = tok(word).map(str::to_owned).parse_next(input)?;
    let arguments = delimited(
        tok('('),
        separated(0.., expr, tok(',')),
        (opt(tok(';')), tok(')')),
    )
    .parse_next(input)?;
    tok('=').parse_next(input)?;
    let result = alt((tok('?').value(None), expr.map(Some))).parse_next(input)?;
    let named = terminated(
        take_while(1.., |c: char| c.is_ascii_uppercase() || c.is_ascii_digit()),
        ws,
    );
    let errno = opt(preceded(peek('E'), named))
        .map(|name| name.map(str::to_owned))
        .parse_next(input)?;
    opt(tok(delimited('(', take_till(0.., ')'), ')'))).parse_next(input)?;
    Ok(Call {
        name,
        arguments,
        result,
        errno,
    })
}

fn expr(input: &mut &str) -> Result<Expr> {
    let mut parts: Vec<Expr> = separated(1.., term, tok('|')).parse_next(input)?;
    Ok(if parts.len() == 1 {
        parts.remove(0)
    } else {
        Expr::Or(parts)
    })
}

fn term(input: &mut &str) -> Result<Expr> {
    let list = delimited(tok('['), separated(0.., expr, tok(',')), tok(']'));
    let members = delimited(tok('{'), separated(0.., field, tok(',')), tok('}'));
    let text = delimited('"', take_till(0.., '"'), tok('"'));
    alt((
        tok("...").value(Expr::Ellipsis),
        integer.map(Expr::Int),
        list.map(Expr::List),
        members.map(Expr::Struct),
        text.map(|text: &str| Expr::Text(text.to_owned())),
        apply,
    ))
    .parse_next(input)
}

fn apply(input: &mut &str) -> Result<Expr> {
    let name = tok(word).map(str::to_owned).parse_next(input)?;
    let arguments = opt(delimited(
        tok('('),
        separated(0.., expr, tok(',')),
        tok(')'),
    ))
    .parse_next(input)?;
    Ok(match arguments {
        Some(arguments) => Expr::Apply(name, arguments),
        None => Expr::Symbol(name),
    })
}

/// `name=value`, `name(count)=value` or only a value.
fn field(input: &mut &str) -> Result<Field> {
    let count = delimited(tok('('), take_till(0.., ')'), tok(')'));
    let named = terminated((tok(word), opt(count)), tok('='));
    let name = opt(named).parse_next(input)?;
    let value = expr.parse_next(input)?;
    Ok(Field {
        name: name.map(|(name, _)| name.to_owned()),
        value,
    })
}

fn integer(input: &mut &str) -> Result<i64> {
    let hexadecimal =
        preceded("0x", hex_digit1).try_map(|digits: &str| u64::from_str_radix(digits, 16));
    let decimal = digit1.try_map(|digits: &str| digits.parse::<u64>());
    let (sign, magnitude) = (opt('-'), tok(alt((hexadecimal, decimal)))).parse_next(input)?;
    // What is written without a sign may be any 64 bits.
    let value = magnitude.cast_signed();
    Ok(if sign.is_some() {
        value.wrapping_neg()
    } else {
        value
    })
}

/// What a parser makes of a whole text; used by nothing but the tests.
#[cfg(test)]
fn everything<'a, O>(
    mut parser: impl Parser<&'a str, O, winnow::error::ErrMode<ContextError>>,
    text: &'a str,
) -> Option<O> {
    let mut rest = text;
    let value = parser.parse_next(&mut rest).ok()?;
    rest.is_empty().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let read = |text| everything(time, text).unwrap();
        assert_eq!(read("0"), (Time::At(0), None));
        assert_eq!(read("+.1"), (Time::After(100_000), None));
        assert_eq!(read("*"), (Time::Any, None));
        assert_eq!(read("1.5~2"), (Time::AtBetween(1_500_000, 2_000_000), None));
        assert_eq!(read("+0~+.04"), (Time::AfterBetween(0, 40_000), None));
        assert_eq!(read("+0...0.3"), (Time::After(0), Some(300_000)));
        assert_eq!(read("+.002 ... 0.004"), (Time::After(2000), Some(4000)));
        assert_eq!(read("+0.0000019"), (Time::After(1), None));
    }

    #[test]
    fn segments_are_read() {
        let packet = everything(
            packet,
            "> [ect0] P.5 1:1001(1000) ack 7 win 9 <nop,TS val 1 ecr 2,sack 5:6 7:8>",
        )
        .unwrap();
        assert_eq!(packet.direction, Direction::Outbound);
        assert_eq!(packet.ip.ecn, Some(Ecn::Ect0));
        let Transport::Tcp(segment) = packet.transport else {
            panic!("TCP");
        };
        assert_eq!((segment.flags.as_str(), segment.ace), ("P.", Some(5)));
        assert_eq!((segment.seq, segment.len), (1, 1000));
        assert_eq!((segment.ack, segment.window), (Some(7), Some(9)));
        assert_eq!(
            segment.options,
            Options::These(vec![
                TcpOption::Nop,
                TcpOption::Timestamp(1, 2),
                TcpOption::Sack(vec![(5, 6), (7, 8)]),
            ])
        );
        assert!(everything(super::packet, "> P. 1:1000(1000) ack 7").is_none());
        let any = everything(super::packet, "> - 1:1(0) <...>").unwrap();
        let Transport::Tcp(segment) = any.transport else {
            panic!("TCP");
        };
        assert_eq!(segment.options, Options::Any);
        assert_eq!(segment.flags, "");
    }

    #[test]
    fn icmp_and_udp_are_read() {
        let icmp = everything(packet, "< icmp unreachable frag_needed mtu 1200 [1:11(10)]");
        let Some(Transport::Icmp(icmp)) = icmp.map(|p| p.transport) else {
            panic!("ICMP");
        };
        assert_eq!(icmp.code.as_deref(), Some("frag_needed"));
        assert_eq!((icmp.mtu, icmp.about), (1200, Some((Some(1), 10))));
        let udp = everything(packet, "< udp (1000)").unwrap();
        assert_eq!(udp.transport, Transport::Udp(1000));
    }

    #[test]
    fn calls_are_read() {
        let call = everything(
            call,
            "recvmsg(3, {msg_name(...)=..., msg_iov(1)=[{..., 9}], msg_flags=A|B}, 0) = -1 EAGAIN (Try again)",
        )
        .unwrap();
        assert_eq!(call.name, "recvmsg");
        assert_eq!(call.result, Some(Expr::Int(-1)));
        assert_eq!(call.errno.as_deref(), Some("EAGAIN"));
        let message = &call.arguments[1];
        assert_eq!(
            message.field("msg_flags"),
            Some(&Expr::Or(vec![
                Expr::Symbol("A".into()),
                Expr::Symbol("B".into())
            ]))
        );
        assert!(matches!(message.field("msg_iov"), Some(Expr::List(l)) if l.len() == 1));
    }

    #[test]
    fn a_script_is_options_commands_and_events() {
        let script = parse(
            "--mss=1000\n`setup`\n// first\n 0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 %{ assert 1\n}%\n+1 `x`\n`over`\n",
        )
        .unwrap();
        assert_eq!(script.options, [("mss".to_owned(), "1000".to_owned())]);
        assert_eq!(script.setup, ["setup"]);
        let lines: Vec<usize> = script.events.iter().map(|e| e.line).collect();
        assert_eq!(lines, [4, 5, 7]);
        let error = parse("0 < S 0:0(0) win 1\n+0 nonsense\n").unwrap_err();
        assert_eq!((error.line, error.text.as_str()), (2, "nonsense"));
    }
}
