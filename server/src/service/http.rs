//! Requests and responses of the HTTP endpoint, as bytes: HTTP/1.x, no bodies in requests, one request per connection.
//!
//! Only what a metrics scraper and a health probe need. Everything is bounded before it is looked at; what is not understood is answered
//! with its status and the connection closed. No I/O here.

/// Most bytes of a request up to and including its empty line.
pub(super) const REQUEST_BYTES_MAX: usize = 8 << 10;

/// Most header lines of a request.
const HEADERS_MAX: usize = 64;

/// What a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// `/metrics`.
    Metrics,
    /// `/healthz`.
    Health,
}

/// Whether the client wants the body, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// GET.
    Sent,
    /// HEAD.
    Left,
}

/// What the bytes received so far are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// The beginning of a request.
    Partial,
    /// A request for a page.
    For(Page, Body),
    /// A request that is answered with an error.
    Refused(Status),
}

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    HeaderTooLarge,
    Unavailable,
}

impl Status {
    /// Code and reason.
    fn line(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::BadRequest => "400 Bad Request",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::RequestTimeout => "408 Request Timeout",
            Status::HeaderTooLarge => "431 Request Header Fields Too Large",
            Status::Unavailable => "503 Service Unavailable",
        }
    }
}

/// The type of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContentType {
    /// Plain text.
    Text,
    /// Prometheus's text format.
    Metrics,
}

impl ContentType {
    fn name(self) -> &'static str {
        match self {
            ContentType::Text => "text/plain; charset=utf-8",
            ContentType::Metrics => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Looks at what was received so far.
pub(super) fn parse(bytes: &[u8]) -> Request {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length > REQUEST_BYTES_MAX => {
            Request::Refused(Status::HeaderTooLarge)
        }
        Ok(httparse::Status::Complete(_)) => {
            let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
            route(method, target)
        }
        Ok(httparse::Status::Partial) if bytes.len() >= REQUEST_BYTES_MAX => Request::Refused(Status::HeaderTooLarge),
        Ok(httparse::Status::Partial) => Request::Partial,
        Err(httparse::Error::TooManyHeaders) => Request::Refused(Status::HeaderTooLarge),
        Err(_) => Request::Refused(Status::BadRequest),
    }
}

fn route(method: &str, target: &str) -> Request {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let page = match path {
        "/metrics" => Page::Metrics,
        "/healthz" => Page::Health,
        _ => return Request::Refused(Status::NotFound),
    };
    match method {
        "GET" => Request::For(page, Body::Sent),
        "HEAD" => Request::For(page, Body::Left),
        _ => Request::Refused(Status::MethodNotAllowed),
    }
}

/// A whole response.
pub(super) fn response(status: Status, kind: ContentType, text: &str, body: Body) -> Vec<u8> {
    let allow = if status == Status::MethodNotAllowed { "Allow: GET, HEAD\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{allow}Cache-Control: no-store\r\nConnection: close\r\n\r\n",
        status.line(),
        kind.name(),
        text.len()
    );
    let mut response = head.into_bytes();
    if body == Body::Sent {
        response.extend_from_slice(text.as_bytes());
    }
    response
}

/// The response to what went wrong: its status as text.
pub(super) fn refusal(status: Status) -> Vec<u8> {
    response(status, ContentType::Text, &format!("{}\n", status.line()), Body::Sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_routed_or_refused() {
        let many_headers = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(HEADERS_MAX + 1));
        let long = format!("GET /metrics HTTP/1.1\r\na: {}\r\n\r\n", "x".repeat(REQUEST_BYTES_MAX));
        for (bytes, expected) in [
            ("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", Request::For(Page::Metrics, Body::Sent)),
            ("GET /metrics?name[]=up HTTP/1.0\r\n\r\n", Request::For(Page::Metrics, Body::Sent)),
            ("HEAD /healthz HTTP/1.1\r\n\r\n", Request::For(Page::Health, Body::Left)),
            ("GET / HTTP/1.1\r\n\r\n", Request::Refused(Status::NotFound)),
            ("POST /nowhere HTTP/1.1\r\n\r\n", Request::Refused(Status::NotFound)),
            ("POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", Request::Refused(Status::MethodNotAllowed)),
            ("*1\r\n$4\r\nPING\r\n", Request::Refused(Status::BadRequest)),
            ("GET /metrics FTP/1.1\r\n\r\n", Request::Refused(Status::BadRequest)),
            ("", Request::Partial),
            ("GET /metrics HTTP/1.1\r\nHost: a\r\n", Request::Partial),
            (&many_headers, Request::Refused(Status::HeaderTooLarge)),
            (&long, Request::Refused(Status::HeaderTooLarge)),
            (&long[..REQUEST_BYTES_MAX], Request::Refused(Status::HeaderTooLarge)),
        ] {
            assert_eq!(parse(bytes.as_bytes()), expected, "{}", &bytes[..bytes.len().min(60)]);
        }
    }

    #[test]
    fn a_response_says_how_long_it_is_and_head_leaves_the_body_out() {
        let text = |body| String::from_utf8(response(Status::Ok, ContentType::Metrics, "up 1\n", body)).expect("text");
        assert!(text(Body::Sent).starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"));
        assert!(text(Body::Sent).ends_with("\r\n\r\nup 1\n"));
        assert!(text(Body::Left).contains("Content-Length: 5\r\n") && text(Body::Left).ends_with("\r\n\r\n"));
        let refused = String::from_utf8(refusal(Status::MethodNotAllowed)).expect("text");
        assert!(refused.contains("Allow: GET, HEAD\r\n"), "{refused}");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_looked_at_without_a_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            parse(&bytes);
        }

        #[test]
        fn a_request_is_partial_until_its_last_byte(cut in 0_usize..35) {
            let bytes = b"GET /metrics HTTP/1.1\r\nHost: abc\r\n\r\n";
            proptest::prop_assert_eq!(parse(&bytes[..cut]), Request::Partial);
        }
    }
}
