//! Reading and understanding the head of a request.

use std::io::{self, Read};

use crate::body::Connection;
use crate::response::Status;

/// Longest head that is read, in bytes.
const HEAD_MAX: usize = 16 * 1024;
/// Most header fields in a head.
const FIELDS_MAX: usize = 64;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    /// PUT and POST alike.
    Upload,
}

/// The head of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Path without query, still percent-encoded.
    pub(crate) path: String,
    /// Bytes of the body.
    pub(crate) body: u64,
    /// The client waits for "100 Continue" before it sends the body.
    pub(crate) expects_continue: bool,
    /// The connection stays open afterwards.
    pub(crate) keep_alive: bool,
}

/// Why there is no request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// The client went away between requests: the usual end.
    #[error("the client closed the connection")]
    Closed,
    /// The client is told so, and the connection ends.
    #[error("{0}")]
    Refused(Status),
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Request {
    /// Reads the next head.
    pub(crate) fn read(connection: &mut Connection<impl Read>) -> Result<Self, RequestError> {
        loop {
            match parse(connection.buffered())? {
                Some((request, len)) => {
                    connection.consume(len);
                    return Ok(request);
                }
                None if connection.buffered().len() >= HEAD_MAX => {
                    return Err(RequestError::Refused(Status::HeadTooLarge));
                }
                None => {}
            }
            if connection.fill()? == 0 {
                return Err(if connection.buffered().is_empty() {
                    RequestError::Closed
                } else {
                    RequestError::Refused(Status::BadRequest)
                });
            }
        }
    }
}

/// A whole head and its length; `None` if more bytes are needed.
fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>, RequestError> {
    let refuse = |status| Err(RequestError::Refused(status));
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut head = httparse::Request::new(&mut fields);
    let len = match head.parse(bytes) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return refuse(Status::HeadTooLarge),
        Err(_) => return refuse(Status::BadRequest),
    };
    let (Some(method), Some(target), Some(minor)) = (head.method, head.path, head.version) else {
        return refuse(Status::BadRequest);
    };
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "PUT" | "POST" => Method::Upload,
        _ => return refuse(Status::MethodNotAllowed),
    };
    let mut request = Request {
        method,
        path: path_of(target).to_owned(),
        body: 0,
        expects_continue: false,
        // RFC 9112 §9.3: HTTP/1.1 persists unless told otherwise, 1.0 the other way round.
        keep_alive: minor >= 1,
    };
    let mut lengths = 0;
    let mut hosts = 0;
    for field in head.headers.iter() {
        let Ok(value) = std::str::from_utf8(field.value).map(str::trim) else {
            continue;
        };
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        let lists = |word: &str| {
            value
                .split(',')
                .any(|w| w.trim().eq_ignore_ascii_case(word))
        };
        if is("content-length") {
            lengths += 1;
            request.body = match content_length(value) {
                Some(n) => n,
                None => return refuse(Status::BadRequest),
            };
        } else if is("transfer-encoding") {
            return refuse(Status::LengthRequired);
        } else if is("connection") {
            request.keep_alive = (request.keep_alive && !lists("close")) || lists("keep-alive");
        } else if is("expect") {
            if !value.eq_ignore_ascii_case("100-continue") {
                return refuse(Status::ExpectationFailed);
            }
            request.expects_continue = minor >= 1;
        } else if is("host") {
            hosts += 1;
        }
    }
    // RFC 9112 §3.2: exactly one Host in HTTP/1.1; §6.3: two lengths are an attack.
    if lengths > 1 || hosts > 1 || (minor >= 1 && hosts == 0) {
        return refuse(Status::BadRequest);
    }
    if method == Method::Upload && lengths == 0 {
        return refuse(Status::LengthRequired);
    }
    Ok(Some((request, len)))
}

/// RFC 9110 §8.6: digits and nothing else.
fn content_length(value: &str) -> Option<u64> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| value.parse().ok()).flatten()
}

/// The path of a target in origin or absolute form (RFC 9112 §3.2).
fn path_of(target: &str) -> &str {
    let path = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => rest.find('/').map_or("/", |at| &rest[at..]),
        _ => target,
    };
    path.split(['?', '#']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(text: &str) -> Result<Option<(Request, usize)>, Status> {
        parse(text.as_bytes()).map_err(|error| match error {
            RequestError::Refused(status) => status,
            other => panic!("{other}"),
        })
    }

    #[test]
    fn what_curl_sends_for_an_upload_is_understood() {
        let text = "PUT /up?x=1 HTTP/1.1\r\nHost: a\r\nUser-Agent: curl/8\r\nContent-Length: 70000\r\nExpect: 100-continue\r\n\r\n";
        let (request, len) = request(text).unwrap().unwrap();
        assert_eq!(len, text.len());
        assert_eq!(
            (request.method, request.path.as_str()),
            (Method::Upload, "/up")
        );
        assert_eq!(
            (request.body, request.expects_continue, request.keep_alive),
            (70_000, true, true)
        );
    }

    #[test]
    fn persistence_follows_version_and_connection_field() {
        let keep = |text: &str| request(text).unwrap().unwrap().0.keep_alive;
        assert!(keep("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(!keep(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        ));
        assert!(!keep("GET / HTTP/1.0\r\n\r\n"));
        assert!(keep("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
    }

    #[test]
    fn requests_that_cannot_be_served_are_refused_with_the_right_status() {
        let cases = [
            ("nonsense\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.1\r\n\r\n", Status::BadRequest),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                Status::BadRequest,
            ),
            (
                "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n",
                Status::MethodNotAllowed,
            ),
            ("PUT / HTTP/1.1\r\nHost: a\r\n\r\n", Status::LengthRequired),
            (
                "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                Status::LengthRequired,
            ),
            (
                "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
                Status::BadRequest,
            ),
            (
                "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                Status::BadRequest,
            ),
            (
                "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: tea\r\n\r\n",
                Status::ExpectationFailed,
            ),
        ];
        for (text, status) in cases {
            assert_eq!(request(text), Err(status), "{text:?}");
        }
        assert_eq!(request("GET / HTTP/1.1\r\nHos"), Ok(None));
    }

    #[test]
    fn a_target_in_absolute_form_has_a_path() {
        assert_eq!(path_of("http://a.example/x/y?q"), "/x/y");
        assert_eq!(path_of("http://a.example"), "/");
        assert_eq!(path_of("/x://y"), "/x://y");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }
    }
}
