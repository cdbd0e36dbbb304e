//! Writing the head of a response.

use std::fmt;

/// A response's status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// 200.
    Ok,
    /// 400: the request breaks the syntax.
    BadRequest,
    /// 403: not a file below the root, or not readable.
    Forbidden,
    /// 404: no such file.
    NotFound,
    /// 405: a method other than GET, HEAD, PUT and POST.
    MethodNotAllowed,
    /// 411: a body without `Content-Length`.
    LengthRequired,
    /// 413: a body longer than the server takes.
    ContentTooLarge,
    /// 417: an expectation other than 100-continue.
    ExpectationFailed,
    /// 431: the head is too long.
    HeadTooLarge,
    /// 500: the file cannot be read.
    InternalError,
}

impl Status {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u16 {
        self.line().0
    }

    const fn line(self) -> (u16, &'static str) {
        match self {
            Self::Ok => (200, "OK"),
            Self::BadRequest => (400, "Bad Request"),
            Self::Forbidden => (403, "Forbidden"),
            Self::NotFound => (404, "Not Found"),
            Self::MethodNotAllowed => (405, "Method Not Allowed"),
            Self::LengthRequired => (411, "Length Required"),
            Self::ContentTooLarge => (413, "Content Too Large"),
            Self::ExpectationFailed => (417, "Expectation Failed"),
            Self::HeadTooLarge => (431, "Request Header Fields Too Large"),
            Self::InternalError => (500, "Internal Server Error"),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (code, reason) = self.line();
        write!(f, "{code} {reason}")
    }
}

/// The interim response (RFC 9110 §15.2.1).
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A response's head, the empty line included.
pub(crate) fn head(status: Status, kind: &str, length: u64, keep_alive: bool) -> Vec<u8> {
    let connection = if keep_alive { "keep-alive" } else { "close" };
    // RFC 9110 §10.2.1: a 405 says what is allowed.
    let allow = match status {
        Status::MethodNotAllowed => "Allow: GET, HEAD, PUT, POST\r\n",
        _ => "",
    };
    format!(
        "HTTP/1.1 {status}\r\nServer: longshore\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         {allow}Connection: {connection}\r\n\r\n"
    )
    .into_bytes()
}

/// A whole response with a line of text.
pub(crate) fn text(status: Status, body: &str, keep_alive: bool, with_body: bool) -> Vec<u8> {
    let kind = "text/plain; charset=utf-8";
    let mut bytes = head(status, kind, body.len() as u64, keep_alive);
    if with_body {
        bytes.extend_from_slice(body.as_bytes());
    }
    bytes
}
