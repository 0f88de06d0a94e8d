//! Style, script and icon, in the binary. Their addresses carry a hash of the content, so browsers
//! keep them for ever and never show old ones.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};

use super::fault::Fault;
use super::secret::sha256;
use crate::app::App;

const CSS: &str = include_str!("../../assets/console.css");
const JS: &str = include_str!("../../assets/console.js");
const ICON: &str = include_str!("../../assets/icon.svg");

/// Where they are.
#[derive(Debug)]
pub(crate) struct Assets {
    /// The style.
    pub(crate) css: String,
    /// The script.
    pub(crate) js: String,
    /// The icon.
    pub(crate) icon: String,
}

impl Assets {
    /// Names them by their content.
    pub(crate) fn new() -> Self {
        Self {
            css: named("console", "css", CSS),
            js: named("console", "js", JS),
            icon: named("icon", "svg", ICON),
        }
    }
}

fn named(stem: &str, extension: &str, content: &str) -> String {
    let hash = sha256(content.as_bytes());
    let hex: String = hash
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("/assets/{stem}-{hex}.{extension}")
}

/// `GET /assets/{file}`.
pub(crate) async fn file(
    State(app): State<App>,
    Path(file): Path<String>,
) -> Result<Response, Fault> {
    let assets = Arc::clone(&app.console.assets);
    let path = format!("/assets/{file}");
    let (content, media) = if path == assets.css {
        (CSS, "text/css; charset=utf-8")
    } else if path == assets.js {
        (JS, "text/javascript; charset=utf-8")
    } else if path == assets.icon {
        (ICON, "image/svg+xml")
    } else {
        return Err(Fault::NotFound);
    };
    let mut response = content.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    let keep = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(header::CACHE_CONTROL, keep);
    Ok(response)
}
