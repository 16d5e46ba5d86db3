//! Which requests are answered, and what every answer says to browsers.
//!
//! Three things keep other pages of the same browser out: the token, which is no cookie and so never goes along by
//! itself; what browsers say of where a request comes from (`Sec-Fetch-Site`, `Origin`), which matters where JupyterLab's
//! cookie stands for the token; and names: a page elsewhere whose name suddenly means this machine (DNS rebinding) is
//! not answered.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::page::{Entry, Page, Refused};

/// What goes with every answer. Nothing but the page's own files is loaded, and nothing frames it but its own origin.
const ALWAYS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Puts the headers on an answer, and answers itself what comes under a strange name.
pub(super) async fn at_the_door(State(page): State<Arc<Page>>, request: Request, next: Next) -> Response {
    let welcome = match page.entry {
        Entry::Token(_) => is_own_name(text(request.headers(), header::HOST)),
        // The server before this one has looked.
        Entry::Owner => true,
    };
    let mut response = if welcome {
        next.run(request).await
    } else {
        Refused::new(StatusCode::MISDIRECTED_REQUEST, "this is not the server of that name").into_response()
    };
    for (name, value) in ALWAYS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Lets in who asks from the page itself and, over TCP, has the token.
pub(super) async fn inside(State(page): State<Arc<Page>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !is_own_page(headers) {
        return Refused::new(StatusCode::FORBIDDEN, "only the page itself may ask").into_response();
    }
    let claimed = text(headers, header::AUTHORIZATION).strip_prefix("Bearer ").unwrap_or_default();
    match &page.entry {
        Entry::Token(token) if !token.is(claimed) => {
            Refused::new(StatusCode::UNAUTHORIZED, "the token is missing or wrong").into_response()
        }
        _ => next.run(request).await,
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Whether a `Host` can be this machine whatever names there are: an address, or what means it everywhere.
fn is_own_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok() || hostname::get().is_ok_and(|own| own == *name)
}

/// Whether a request comes from this origin as far as browsers tell; what is no browser says nothing.
fn is_own_page(headers: &HeaderMap) -> bool {
    let site = text(headers, HeaderName::from_static("sec-fetch-site"));
    let origin = text(headers, header::ORIGIN);
    let host = text(headers, header::HOST);
    matches!(site, "" | "same-origin" | "none")
        && (origin.is_empty()
            || origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(host)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_cannot_be_elsewhere_are_answered() {
        for own in ["127.0.0.1:6820", "localhost", "localhost:1", "[::1]:6820", "192.168.0.7:80"] {
            assert!(is_own_name(own), "{own}");
        }
        for strange in ["", "evil.example", "evil.example:6820", "localhost.evil.example", "[evil]:1"] {
            assert!(!is_own_name(strange), "{strange}");
        }
    }

    #[test]
    fn other_pages_are_known_by_what_browsers_say() {
        let of = |site: &'static str, origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("h:1"));
            for (name, value) in [(HeaderName::from_static("sec-fetch-site"), site), (header::ORIGIN, origin)]
            {
                if !value.is_empty() {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            is_own_page(&headers)
        };
        assert!(of("", "") && of("same-origin", "http://h:1") && of("none", "") && of("", "https://H:1"));
        for (site, origin) in [
            ("cross-site", ""),
            ("same-site", ""),
            ("", "http://h:2"),
            ("", "null"),
            ("same-origin", "http://x"),
        ] {
            assert!(!of(site, origin), "{site} {origin}");
        }
    }
}
