//! The prefix of a service and the routes below it: whether a request belongs to the service, and to which route.

use fancy_regex::{Regex, RegexBuilder};

pub use super::pattern::PrefixError;
use super::pattern::{self, DOT};
use crate::protocol::transport::{Endpoint, Transport};

/// Finds the route of a request under one prefix.
#[derive(Debug)]
pub struct Router {
    prefix: Prefix,
    websocket_enabled: bool,
}

/// The result of [`Router::resolve`].
#[derive(Debug, PartialEq, Eq)]
pub enum Resolved<'p> {
    Found(Route<'p>),
    /// The path is known, but not with this method. Contains the value for `Allow`: the methods in the order of the
    /// routes.
    MethodNotAllowed(String),
    NotFound,
}

/// A route, with the session that the path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'p> {
    Welcome,
    Iframe,
    Info,
    /// `OPTIONS` of `/info`.
    InfoOptions,
    ChunkingTest,
    RawWebsocket,
    /// The path of a websocket, with the option `websocket: false`: a 404 that may be cached.
    WebsocketDisabled,
    /// `/<server>/<session>/…`. The `<server>` part is for load balancers and is ignored.
    Session {
        session: &'p str,
        endpoint: Endpoint,
    },
    /// `OPTIONS` of a path whose other method is `POST`.
    PostOptions,
}

impl Router {
    /// `prefix` is the source of a regular expression that JavaScript accepts. As in 0.3.24, the expressions of the
    /// routes begin with it, so an alternation in it splits the whole expression. Its groups do not change which part of
    /// the path is the session (docs/compatibility.md, deviation 6).
    pub fn new(prefix: &str, websocket_enabled: bool) -> Result<Self, PrefixError> {
        let pattern = pattern::translate(prefix)?;
        let prefix = match pattern.literal {
            Some(literal) => Prefix::Literal(literal),
            None => Prefix::Pattern(Box::new(Patterns::new(&pattern.source)?)),
        };
        Ok(Self {
            prefix,
            websocket_enabled,
        })
    }

    /// Whether a request with this raw target (query included) belongs to the service.
    pub fn claims(&self, target: &str) -> bool {
        match &self.prefix {
            Prefix::Literal(literal) => match target.strip_prefix(literal.as_str()) {
                Some("") => true,
                Some(rest) => rest.starts_with('/') && !rest.contains(LINE_TERMINATORS),
                None => false,
            },
            Prefix::Pattern(patterns) => is_match(&patterns.claims, target),
        }
    }

    /// The prefix, if it matches one text only.
    pub fn literal(&self) -> Option<&str> {
        match &self.prefix {
            Prefix::Literal(literal) => Some(literal),
            Prefix::Pattern(_) => None,
        }
    }

    /// `pathname` comes from [`parse_target`](super::target::parse_target). Call this only if the service
    /// [claims](Self::claims) the request: the path of another request may match, too.
    pub fn resolve<'p>(&self, method: &str, pathname: &'p str) -> Resolved<'p> {
        match &self.prefix {
            Prefix::Literal(literal) => {
                let hit = pathname.strip_prefix(literal.as_str()).and_then(match_path);
                self.choose(method, hit.into_iter())
            }
            Prefix::Pattern(patterns) => self.choose(method, patterns.hits(pathname)),
        }
    }

    /// The first route whose path (`hits` are in route order) and method both match.
    fn choose<'p>(
        &self,
        method: &str,
        hits: impl Iterator<Item = (Path, &'p str)>,
    ) -> Resolved<'p> {
        let mut allowed = Vec::new();
        for (path, session) in hits {
            for (row_method, route) in path.routes(session) {
                // 0.3.24 accepts a method that contains the route's method.
                if method.contains(row_method) {
                    return Resolved::Found(self.enabled(route));
                }
                allowed.push(row_method);
            }
        }
        if allowed.is_empty() {
            Resolved::NotFound
        } else {
            Resolved::MethodNotAllowed(allowed.join(", "))
        }
    }

    fn enabled<'p>(&self, route: Route<'p>) -> Route<'p> {
        match route {
            Route::RawWebsocket
            | Route::Session {
                endpoint: Endpoint::Receive(Transport::Websocket),
                ..
            } if !self.websocket_enabled => Route::WebsocketDisabled,
            route => route,
        }
    }
}

/// The paths below the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    Welcome,
    Iframe,
    Info,
    ChunkingTest,
    RawWebsocket,
    Session(Endpoint),
}

impl Path {
    /// All of them, in the order in which 0.3.24 tries them.
    fn all() -> impl Iterator<Item = Self> {
        [
            Self::Welcome,
            Self::Iframe,
            Self::Info,
            Self::ChunkingTest,
            Self::RawWebsocket,
        ]
        .into_iter()
        .chain(Endpoint::ALL.map(Self::Session))
    }

    /// Its methods in the order of 0.3.24, each with its route.
    fn routes(self, session: &str) -> impl Iterator<Item = (&'static str, Route<'_>)> {
        let (first, second) = match self {
            Self::Welcome => (("GET", Route::Welcome), None),
            Self::Iframe => (("GET", Route::Iframe), None),
            Self::Info => (("OPTIONS", Route::InfoOptions), Some(("GET", Route::Info))),
            Self::ChunkingTest => (
                ("OPTIONS", Route::PostOptions),
                Some(("POST", Route::ChunkingTest)),
            ),
            Self::RawWebsocket => (("GET", Route::RawWebsocket), None),
            Self::Session(endpoint) => {
                let preflight = ("OPTIONS", Route::PostOptions);
                (
                    (endpoint.method(), Route::Session { session, endpoint }),
                    endpoint.has_preflight().then_some(preflight),
                )
            }
        };
        std::iter::once(first).chain(second)
    }

    /// The path below a session whose last part is `name`.
    fn of_session(name: &str) -> Option<Self> {
        Endpoint::ALL
            .into_iter()
            .find(|endpoint| endpoint.path() == name)
            .map(Self::Session)
    }

    /// The expression that follows the prefix, and whether its last group is the session.
    fn source(self) -> (String, bool) {
        match self {
            Self::Welcome => (String::new(), false),
            Self::Iframe => (format!("/iframe[-0-9.a-z_]*{DOT}html"), false),
            Self::Info => ("/info".into(), false),
            Self::ChunkingTest => ("/chunking_test".into(), false),
            Self::RawWebsocket => ("/websocket".into(), false),
            Self::Session(endpoint) => (format!("/([^/.]+)/([^/.]+)/{}", endpoint.path()), true),
        }
    }
}

#[derive(Debug)]
enum Prefix {
    /// A prefix without operators, as most are: compared as text.
    Literal(String),
    Pattern(Box<Patterns>),
}

/// One expression for the raw target and one for each path.
#[derive(Debug)]
struct Patterns {
    claims: Regex,
    paths: Vec<(Path, Regex, bool)>,
}

impl Patterns {
    fn new(prefix: &str) -> Result<Self, PrefixError> {
        let compile = |rest: &str| {
            RegexBuilder::new(&format!(r"\A{prefix}{rest}\z"))
                .backtrack_limit(BACKTRACK_LIMIT)
                .build()
                .map_err(|error| PrefixError(error.to_string()))
        };
        let path = |path: Path| {
            let (source, session) = path.source();
            Ok((path, compile(&format!("{source}/?"))?, session))
        };
        Ok(Self {
            claims: compile(&format!("(?:/{DOT}+|/?)"))?,
            paths: Path::all().map(path).collect::<Result<_, _>>()?,
        })
    }

    /// The paths that match, each with its session (or an empty text).
    fn hits<'p>(&self, pathname: &'p str) -> impl Iterator<Item = (Path, &'p str)> {
        self.paths
            .iter()
            .filter_map(move |(path, regex, names_session)| {
                if !names_session {
                    return is_match(regex, pathname).then_some((*path, ""));
                }
                let captures = regex.captures(pathname).ok()??;
                // If an alternative of the prefix has matched by itself, the session's group has no text. The empty
                // session is never used, because an earlier route (`/info`, for one) then also matches.
                let session = captures.get(regex.captures_len() - 1);
                Some((*path, session.map_or("", |session| session.as_str())))
            })
    }
}

/// An expression that exceeds [`BACKTRACK_LIMIT`] does not match.
fn is_match(regex: &Regex, text: &str) -> bool {
    regex.is_match(text).unwrap_or(false)
}

/// Like [`Patterns::hits`], for the text after a literal prefix, which matches one path at most.
fn match_path(rest: &str) -> Option<(Path, &str)> {
    let path = match rest.strip_suffix('/').unwrap_or(rest) {
        "" => Path::Welcome,
        "/info" => Path::Info,
        "/chunking_test" => Path::ChunkingTest,
        "/websocket" => Path::RawWebsocket,
        path => {
            return if is_iframe(path) {
                Some((Path::Iframe, ""))
            } else {
                match_session(path)
            };
        }
    };
    Some((path, ""))
}

/// `/iframe[0-9-.a-z_]*.html`, in which the last dot is any character.
fn is_iframe(path: &str) -> bool {
    let Some(name) = path
        .strip_prefix("/iframe")
        .and_then(|path| path.strip_suffix("html"))
    else {
        return false;
    };
    let mut chars = name.chars();
    chars
        .next_back()
        .is_some_and(|last| !LINE_TERMINATORS.contains(&last))
        && chars.all(|c| matches!(c, '0'..='9' | '-' | '.' | 'a'..='z' | '_'))
}

fn match_session(path: &str) -> Option<(Path, &str)> {
    let mut parts = path.strip_prefix('/')?.splitn(3, '/');
    let (server, session, endpoint) = (parts.next()?, parts.next()?, parts.next()?);
    let named = |part: &str| !part.is_empty() && !part.contains('.');
    (named(server) && named(session)).then_some((Path::of_session(endpoint)?, session))
}

/// The characters that `.` does not match in JavaScript.
const LINE_TERMINATORS: [char; 4] = ['\n', '\r', '\u{2028}', '\u{2029}'];

/// Backtracking steps of one match, bounded so that no target keeps the thread busy. An expression without look-around
/// and references does not backtrack.
const BACKTRACK_LIMIT: usize = 100_000;

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
