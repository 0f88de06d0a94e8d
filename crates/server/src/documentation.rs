//! `/openapi.json`, the readable documentation at `/docs`, and the explanation of every problem.
//! All of it is inside the binary; nothing is fetched from elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use http::{HeaderValue, header};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response as ApiResponse, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi};
use utoipa_swagger_ui::Config;

use crate::app::App;
use crate::code::Code;
use crate::problem::{Fault, PROBLEM_JSON, Problem, ProblemBody};

/// The document without its paths; the routes bring those.
#[derive(OpenApi)]
#[openapi(
    info(title = "Tuikuan", description = "A self-hosted refund engine for WeChat Pay. Amounts are integers in fen, \
        times are RFC 3339. Refusals are problem details (RFC 9457) with a stable `code`; /docs/problems explains each."),
    components(schemas(ProblemBody<'static>, Fault)),
    modifiers(&Keys),
    security(("key" = [])),
    tags(
        (name = "refunds", description = "Ask once; the engine sees it through."),
        (name = "payments", description = "What was paid, and what is left of it."),
        (name = "batches", description = "Many refunds in one file."),
        (name = "reconciliations", description = "WeChat's bills against our books, day by day."),
        (name = "events", description = "Every change, as it happens."),
        (name = "webhooks", description = "Messages to your systems, signed by Standard Webhooks."),
        (name = "notifications", description = "For WeChat."),
        (name = "operation", description = "For whoever runs it."),
    )
)]
pub(crate) struct Document;

struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key: `tuikuan key create --name ...`"))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(scheme));
    }
}

/// The refusals of what only reads.
pub(crate) enum ReadProblems {}

/// The refusals of what changes something.
pub(crate) enum WriteProblems {}

impl IntoResponses for ReadProblems {
    fn responses() -> BTreeMap<String, RefOr<ApiResponse>> {
        problems(&[401, 403, 404, 422, 503])
    }
}

impl IntoResponses for WriteProblems {
    fn responses() -> BTreeMap<String, RefOr<ApiResponse>> {
        problems(&[400, 401, 403, 404, 408, 409, 413, 415, 422, 503])
    }
}

fn problems(statuses: &[u16]) -> BTreeMap<String, RefOr<ApiResponse>> {
    let response = |status: &u16| {
        let codes: Vec<_> = Code::ALL
            .iter()
            .filter(|code| code.status == *status)
            .map(|code| code.name)
            .collect();
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Problem")))
            .build();
        let response = ResponseBuilder::new()
            .description(format!("One of `{}`", codes.join("`, `")))
            .content(PROBLEM_JSON, content)
            .build();
        (status.to_string(), RefOr::T(response))
    };
    statuses.iter().map(response).collect()
}

/// The OpenAPI document.
pub(crate) async fn openapi(State(app): State<App>) -> Response {
    let mut response = app.openapi.clone().into_response();
    let media = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}

/// The way in for people who type the bare address.
pub(crate) async fn to_docs() -> Redirect {
    Redirect::temporary("/docs/")
}

/// The readable documentation.
pub(crate) async fn start_page() -> Result<Response, Problem> {
    page("index.html")
}

/// The parts of the readable documentation.
pub(crate) async fn part(Path(file): Path<String>) -> Result<Response, Problem> {
    page(&file)
}

fn page(file: &str) -> Result<Response, Problem> {
    let absent = || Problem::new(Code::NOT_FOUND, "there is no such page");
    let config = Arc::new(Config::from("/openapi.json"));
    let found = utoipa_swagger_ui::serve(file, config)
        .ok()
        .flatten()
        .ok_or_else(absent)?;
    let media = HeaderValue::try_from(found.content_type);
    let mut response = found.bytes.into_owned().into_response();
    if let Ok(media) = media {
        response.headers_mut().insert(header::CONTENT_TYPE, media);
    }
    Ok(response)
}

/// Every problem explained.
pub(crate) async fn problem_page() -> Html<String> {
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Problems</title>\
         <style>body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}\
         code{background:#8882;padding:.1em .3em}dt{margin-top:1.2rem}</style><h1>Problems</h1>\
         <p>Every refusal is a problem detail (RFC 9457). Its <code>code</code> is stable.<dl>",
    );
    for code in Code::ALL {
        let Code {
            name,
            status,
            title,
            advice,
        } = code;
        let _written = write!(
            page,
            "<dt id=\"{name}\"><code>{name}</code> ({status}): {title}.<dd>{}",
            marked(advice)
        );
    }
    page.push_str("</dl></html>");
    Html(page)
}

/// Text between backticks becomes code. The texts are our own.
fn marked(text: &str) -> String {
    let mut marked = String::new();
    for (place, part) in text.split('`').enumerate() {
        let tags = if place % 2 == 1 {
            ("<code>", "</code>")
        } else {
            ("", "")
        };
        marked.push_str(tags.0);
        marked.push_str(part);
        marked.push_str(tags.1);
    }
    marked
}

/// The guide's page about problems, made from the same table.
#[must_use]
pub fn problem_guide() -> String {
    let mut guide = String::from(
        "# Problems\n\nEvery refusal of the HTTP interface is a problem detail (RFC 9457,\n\
         `application/problem+json`) with these members: `type`, `title`, `status`, `code`, `detail`, for bad\n\
         input `errors` (each with a JSON `pointer` or the name of a `parameter`, a `code` and a `message`), and\n\
         facts that belong to the code. A `code` is stable and never used again for something else.\n\n\
         Text that is not JSON is 400; JSON whose fields cannot be used is 422, with every bad field named.\n\n\
         | code | status | meaning | what to do |\n| --- | --- | --- | --- |\n",
    );
    for code in Code::ALL {
        let Code {
            name,
            status,
            title,
            advice,
        } = code;
        let _written = writeln!(guide, "| `{name}` | {status} | {title} | {advice} |");
    }
    guide
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_in_texts_is_marked() {
        assert_eq!(marked("see `a` and b"), "see <code>a</code> and b");
    }
}
