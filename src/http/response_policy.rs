//! The parts of responses that depend on the options of a service: base headers, `/info` and the iframe page.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use md5::{Digest, Md5};

use super::cookie;
use super::headers::{CACHE_SECONDS, allow_origin, request_header, set};
use super::response::respond;
use super::route::Route;

/// The options on which responses depend. JavaScript has checked them.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub disable_cors: bool,
    /// Whether the option `jsessionid` is true. It is false for a function, which JavaScript calls instead.
    pub jsessionid: bool,
    /// `cookie_needed` in `/info`: true if `jsessionid` is true or a function.
    pub cookie_needed: bool,
    /// The option `websocket` as JSON text, for `/info`; `None` if JSON cannot express it.
    pub websocket: Option<String>,
    /// The option `transports` as JSON text; `None` if it is not set.
    pub transports: Option<String>,
    pub sockjs_url: String,
}

/// [`Options`], and the iframe page that follows from them.
#[derive(Debug)]
pub struct ResponsePolicy {
    options: Options,
    iframe: Bytes,
    iframe_etag: HeaderValue,
}

/// The initial capacity of a header map: enough for most responses, so that it is allocated once.
const USUAL_HEADERS: usize = 8;

impl ResponsePolicy {
    pub fn new(options: Options) -> Self {
        let iframe = [IFRAME_HEAD, &options.sockjs_url, IFRAME_TAIL].concat();
        let etag = format!(
            "\"{:032x}\"",
            u128::from_be_bytes(Md5::digest(&iframe).into())
        );
        // A quoted hexadecimal number is a valid value, so the default is never used.
        let iframe_etag = HeaderValue::try_from(etag).unwrap_or(HeaderValue::from_static("\"\""));
        Self {
            options,
            iframe: iframe.into(),
            iframe_etag,
        }
    }

    /// The headers that 0.3.24 sets before the handler of a route runs: cookie, CORS and caching. `now` is called only
    /// for `Expires`.
    pub fn base_headers(
        &self,
        route: &Route<'_>,
        request: &HeaderMap,
        now: impl FnOnce() -> SystemTime,
    ) -> HeaderMap {
        let base_headers = BaseHeaders::of(route);
        let mut headers = HeaderMap::with_capacity(USUAL_HEADERS);
        if base_headers.cookie && self.options.jsessionid {
            let cookies = request_header(request, &header::COOKIE);
            set(
                &mut headers,
                header::SET_COOKIE,
                &cookie::jsessionid(cookies.as_deref()),
            );
        }
        if base_headers.cors && !self.options.disable_cors {
            allow_origin(
                &mut headers,
                request_header(request, &header::ORIGIN).as_deref(),
                request,
            );
        }
        match base_headers.caching {
            Caching::Unspecified => {}
            Caching::Never => {
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(NO_CACHE));
            }
            Caching::Year => {
                headers.insert(
                    header::CACHE_CONTROL,
                    HeaderValue::from_static("public, max-age=31536000"),
                );
                // httpdate panics for a clock before 1970.
                let expires =
                    now().max(SystemTime::UNIX_EPOCH) + Duration::from_secs(CACHE_SECONDS);
                let date = httpdate::fmt_http_date(expires);
                set(&mut headers, header::EXPIRES, date.as_bytes());
            }
        }
        headers
    }

    /// Whether 0.3.24 sets the session cookie on this route, or calls the `jsessionid` function.
    pub fn has_cookie(route: &Route<'_>) -> bool {
        BaseHeaders::of(route).cookie
    }

    /// The answer to `GET /info`. `entropy` is a random number. `base_url` is the option, or what its function returned,
    /// as JSON text; `None` if it is not set.
    pub fn info(
        &self,
        mut base_headers: HeaderMap,
        entropy: u32,
        base_url: Option<&str>,
    ) -> Response<Bytes> {
        let mut json = String::from("{");
        let mut member = |name: &str, value: &str| {
            let comma = if json.len() > 1 { "," } else { "" };
            // Writing to a String does not fail.
            let _ = write!(json, "{comma}\"{name}\":{value}");
        };
        if let Some(websocket) = &self.options.websocket {
            member("websocket", websocket);
        }
        if let Some(transports) = &self.options.transports {
            member("transports", transports);
        }
        if !self.options.disable_cors {
            member("origins", "[\"*:*\"]");
        }
        member(
            "cookie_needed",
            if self.options.cookie_needed {
                "true"
            } else {
                "false"
            },
        );
        member("entropy", &entropy.to_string());
        if let Some(base_url) = base_url {
            member("base_url", base_url);
        }
        json.push('}');
        base_headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=UTF-8"),
        );
        respond(StatusCode::OK, base_headers, json.into())
    }

    /// The iframe page, or 304 with the caching headers only if `If-None-Match` equals the page's `ETag`.
    pub fn iframe(&self, mut base_headers: HeaderMap, request: &HeaderMap) -> Response<Bytes> {
        if request_header(request, &header::IF_NONE_MATCH)
            .is_some_and(|tag| *tag == *self.iframe_etag.as_bytes())
        {
            return respond(StatusCode::NOT_MODIFIED, base_headers, Bytes::new());
        }
        base_headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=UTF-8"),
        );
        base_headers.insert(header::ETAG, self.iframe_etag.clone());
        base_headers.insert(header::CONTENT_LENGTH, self.iframe.len().into());
        respond(StatusCode::OK, base_headers, self.iframe.clone())
    }
}

struct BaseHeaders {
    cookie: bool,
    cors: bool,
    caching: Caching,
}

enum Caching {
    Unspecified,
    Never,
    Year,
}

impl BaseHeaders {
    fn of(route: &Route<'_>) -> Self {
        let (cookie, cors, caching) = match route {
            Route::Welcome | Route::RawWebsocket => (false, false, Caching::Unspecified),
            Route::Iframe | Route::WebsocketDisabled => (false, false, Caching::Year),
            Route::Info => (false, true, Caching::Never),
            Route::ChunkingTest => (false, true, Caching::Unspecified),
            Route::InfoOptions | Route::PostOptions => (true, true, Caching::Year),
            Route::Session { endpoint, .. } if endpoint.is_websocket() => {
                (false, false, Caching::Unspecified)
            }
            Route::Session { endpoint, .. } => (true, endpoint.has_preflight(), Caching::Never),
        };
        Self {
            cookie,
            cors,
            caching,
        }
    }
}

const NO_CACHE: &str = "no-store, no-cache, no-transform, must-revalidate, max-age=0";

const IFRAME_HEAD: &str = r#"<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src=""#;

const IFRAME_TAIL: &str = r#""></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>"#;
