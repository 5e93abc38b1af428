//! From a method and a path to what is asked for.
//!
//! App ids are paths themselves, arrive with and without a leading slash (`/v2/apps//a/b`), and end where
//! `restart`, `tasks` or `versions` begin. So paths are read here and not by the HTTP library's router.

use axum::http::Method;

/// What a request asks for; ids are as the client wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of Marathon's REST documentation")]
pub enum Route {
    Ping,
    Metrics,
    Info,
    Leader,
    Abdicate,
    Events,
    Apps,
    CreateApp,
    UpdateApps { partial: bool },
    App(String),
    AppsUnder(String),
    PutApp(String),
    PatchApp(String),
    DeleteApp(String),
    Restart(String),
    Versions(String),
    Version(String, String),
    AppTasks(String),
    KillAppTasks(String),
    KillAppTask(String, String),
    Pods,
    Pod(String),
    Tasks,
    KillTasks,
    Deployments,
    CancelDeployment(String),
    Queue,
    ResetDelay(String),
    Group(String),
    GroupVersions,
    DeleteGroup(String),
}

/// Why a path leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// No such path.
    Path,
    /// The path does not know the method.
    Method,
}

/// Reads a request line.
///
/// # Errors
///
/// When Marathon has no such path, or not with this method.
pub fn route(method: &Method, path: &str) -> Result<Route, Miss> {
    let path = percent_decode(path);
    let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
    // HEAD is a GET whose body the server does not send.
    let method = if method == Method::HEAD { &Method::GET } else { method };
    match segments.as_slice() {
        ["ping"] => only(method, &Method::GET, Route::Ping),
        ["metrics"] => only(method, &Method::GET, Route::Metrics),
        ["v2", "info"] => only(method, &Method::GET, Route::Info),
        ["v2", "leader"] => match *method {
            Method::DELETE => Ok(Route::Abdicate),
            _ => only(method, &Method::GET, Route::Leader),
        },
        ["v2", "events"] => only(method, &Method::GET, Route::Events),
        ["v2", "apps", tail @ ..] => apps(method, tail),
        ["v2", "pods"] | ["v2", "pods", "::status"] => only(method, &Method::GET, Route::Pods),
        ["v2", "pods", id @ ..] => only(method, &Method::GET, Route::Pod(join(id))),
        ["v2", "tasks"] => only(method, &Method::GET, Route::Tasks),
        ["v2", "tasks", "delete"] => only(method, &Method::POST, Route::KillTasks),
        ["v2", "deployments"] => only(method, &Method::GET, Route::Deployments),
        ["v2", "deployments", id] => {
            only(method, &Method::DELETE, Route::CancelDeployment((*id).to_owned()))
        }
        ["v2", "queue"] => only(method, &Method::GET, Route::Queue),
        ["v2", "queue", id @ .., "delay"] => {
            only(method, &Method::DELETE, Route::ResetDelay(join(id)))
        }
        ["v2", "groups", .., "versions"] => only(method, &Method::GET, Route::GroupVersions),
        ["v2", "groups", id @ ..] => group(method, join(id)),
        _ => Err(Miss::Path),
    }
}

fn apps(method: &Method, tail: &[&str]) -> Result<Route, Miss> {
    match tail {
        [] => match *method {
            Method::POST => Ok(Route::CreateApp),
            Method::PUT => Ok(Route::UpdateApps { partial: false }),
            Method::PATCH => Ok(Route::UpdateApps { partial: true }),
            _ => only(method, &Method::GET, Route::Apps),
        },
        [group @ .., "*"] => only(method, &Method::GET, Route::AppsUnder(join(group))),
        [id @ .., "restart"] => only(method, &Method::POST, Route::Restart(join(id))),
        [id @ .., "versions"] => only(method, &Method::GET, Route::Versions(join(id))),
        [id @ .., "versions", version] => {
            only(method, &Method::GET, Route::Version(join(id), (*version).to_owned()))
        }
        [id @ .., "tasks"] => match *method {
            Method::DELETE => Ok(Route::KillAppTasks(join(id))),
            _ => only(method, &Method::GET, Route::AppTasks(join(id))),
        },
        [id @ .., "tasks", task] => {
            only(method, &Method::DELETE, Route::KillAppTask(join(id), (*task).to_owned()))
        }
        id => match *method {
            Method::GET => Ok(Route::App(join(id))),
            Method::PUT => Ok(Route::PutApp(join(id))),
            Method::PATCH => Ok(Route::PatchApp(join(id))),
            Method::DELETE => Ok(Route::DeleteApp(join(id))),
            _ => Err(Miss::Method),
        },
    }
}

fn group(method: &Method, id: String) -> Result<Route, Miss> {
    match *method {
        Method::GET => Ok(Route::Group(id)),
        Method::DELETE => Ok(Route::DeleteGroup(id)),
        _ => Err(Miss::Method),
    }
}

fn only(method: &Method, wanted: &Method, route: Route) -> Result<Route, Miss> {
    if method == wanted { Ok(route) } else { Err(Miss::Method) }
}

fn join(segments: &[&str]) -> String {
    format!("/{}", segments.join("/"))
}

/// `%2F` and its like; anything malformed stays as it is.
fn percent_decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        match (byte, digit(ahead.next()), digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                out.extend(u8::try_from(high * 16 + low));
                bytes = ahead;
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_where_marathon_leads_them() {
        let id = || "/a/b".to_owned();
        let rows = [
            ("GET", "/ping", Ok(Route::Ping)),
            ("HEAD", "/v2/apps/", Ok(Route::Apps)),
            ("POST", "/v2/apps", Ok(Route::CreateApp)),
            ("PUT", "/v2/apps", Ok(Route::UpdateApps { partial: false })),
            ("GET", "/v2/apps/a/b", Ok(Route::App(id()))),
            ("GET", "/v2/apps//a/b", Ok(Route::App(id()))),
            ("PUT", "/v2/apps//a//b/", Ok(Route::PutApp(id()))),
            ("PUT", "/v2/apps/%2Fa%2fb", Ok(Route::PutApp(id()))),
            ("DELETE", "/v2/apps/a/b", Ok(Route::DeleteApp(id()))),
            ("GET", "/v2/apps/a/*", Ok(Route::AppsUnder("/a".into()))),
            ("GET", "/v2/apps/*", Ok(Route::AppsUnder("/".into()))),
            ("POST", "/v2/apps//a/b/restart", Ok(Route::Restart(id()))),
            ("GET", "/v2/apps/a/b/restart", Err(Miss::Method)),
            ("GET", "/v2/apps/a/b/versions", Ok(Route::Versions(id()))),
            ("GET", "/v2/apps/a/b/versions/v", Ok(Route::Version(id(), "v".into()))),
            ("GET", "/v2/apps/a/b/tasks", Ok(Route::AppTasks(id()))),
            ("DELETE", "/v2/apps/a/b/tasks", Ok(Route::KillAppTasks(id()))),
            ("DELETE", "/v2/apps/a/b/tasks/t.1", Ok(Route::KillAppTask(id(), "t.1".into()))),
            ("DELETE", "/v2/queue//a/b/delay", Ok(Route::ResetDelay(id()))),
            ("GET", "/v2/groups", Ok(Route::Group("/".into()))),
            ("GET", "/v2/groups/a", Ok(Route::Group("/a".into()))),
            ("POST", "/v2/tasks/delete", Ok(Route::KillTasks)),
            ("DELETE", "/v2/deployments/x", Ok(Route::CancelDeployment("x".into()))),
            ("POST", "/v2/events", Err(Miss::Method)),
            ("GET", "/v2/nothing", Err(Miss::Path)),
            ("GET", "/", Err(Miss::Path)),
        ];
        for (method, path, want) in rows {
            let method: Method = method.parse().unwrap();
            assert_eq!(route(&method, path), want, "{method} {path}");
        }
    }

    #[test]
    fn percent_signs_that_mean_nothing_stay() {
        assert_eq!(percent_decode("a%zz%4"), "a%zz%4");
        assert_eq!(percent_decode("2026-11-21T03%3A00"), "2026-11-21T03:00");
    }
}
