//! A file that comes with a form: only where a page of ours asks for one, with bounds of its own. The
//! form's other fields are checked like those of every form.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use http::header;
use multer::{Constraints, Multipart, SizeLimit};
use tokio::sync::OwnedSemaphorePermit;
use tuikuan_engine::batch::file::FILE_BYTES_MAX;

use super::fault::Fault;
use super::form::Fields;
use crate::app::Shared;

/// Where files are taken.
const PATH: &str = "/console/batches";

/// Room for the other fields and the borders between them.
const REST_BYTES_MAX: usize = 64 * 1024;

/// The name of the field that carries the file.
const FIELD: &str = "file";

/// The fields such a form has.
const FIELDS: [&str; 3] = ["csrf", "merchant", FIELD];

/// A file that was sent.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// What it is called where it comes from; only shown.
    pub(crate) name: String,
    /// What stands in it.
    pub(crate) bytes: Bytes,
    /// Its place among the files that are taken in: free again when nobody holds the file any more.
    permit: Option<OwnedSemaphorePermit>,
}

/// Whether a request brings a file to where files are taken.
pub(crate) fn is_upload(request: &Request) -> bool {
    let media = request.headers().get(header::CONTENT_TYPE);
    let media = media.and_then(|value| value.to_str().ok());
    request.uri().path() == PATH && media.is_some_and(|m| m.starts_with("multipart/form-data"))
}

/// Reads the form of whoever shows the token before the file. The file goes to the handler beside
/// the fields.
///
/// # Errors
/// [`Fault::TooMany`], [`Fault::TooLarge`], [`Fault::Stale`], [`Fault::Refused`].
pub(crate) async fn read(
    app: &Shared,
    request: Request,
    token: &str,
) -> Result<(Request, Fields), Fault> {
    let permit = Arc::clone(&app.uploads).try_acquire_owned();
    let permit = permit.map_err(|_foreign| Fault::TooMany)?;
    let (head, sent) = request.into_parts();
    let media = head.headers.get(header::CONTENT_TYPE);
    let media = media.and_then(|value| value.to_str().ok());
    let boundary = media.and_then(|media| multer::parse_boundary(media).ok());
    let boundary = boundary.ok_or(Fault::Refused)?;
    let form = Multipart::with_constraints(sent.into_data_stream(), boundary, limits());
    let parts = tokio::time::timeout(app.settings.request_timeout, parts(form, token));
    let (fields, mut file) = parts.await.map_err(|_foreign| Fault::Refused)??;
    file.permit = Some(permit);
    let mut request = Request::from_parts(head, Body::empty());
    request.extensions_mut().insert(Arc::new(file));
    Ok((request, fields))
}

fn limits() -> Constraints {
    let whole = FILE_BYTES_MAX.saturating_add(REST_BYTES_MAX);
    let limits = SizeLimit::new()
        .whole_stream(u64::try_from(whole).unwrap_or(u64::MAX))
        .for_field("csrf", 4096)
        .for_field("merchant", 4096);
    Constraints::new()
        .allowed_fields(FIELDS.to_vec())
        .size_limit(limits)
}

/// Each part once at most: a form of ours has no others.
async fn parts(mut form: Multipart<'static>, token: &str) -> Result<(Fields, Sent), Fault> {
    let (mut fields, mut file) = (Fields::default(), Sent::default());
    for _ in FIELDS {
        let Some(field) = form.next_field().await? else {
            break;
        };
        let name = field.name().unwrap_or_default().to_owned();
        let called = field.file_name().map(str::to_owned);
        if name == FIELD && !fields.show(token) {
            return Err(Fault::Stale);
        }
        let bytes = field.bytes().await?;
        if name == FIELD {
            file.name = called.unwrap_or_default();
            file.bytes = bytes;
        } else {
            let text = String::from_utf8(bytes.to_vec());
            fields.add(name, text.map_err(|_foreign| Fault::Refused)?)?;
        }
    }
    match form.next_field().await? {
        Some(_) => Err(Fault::Refused),
        None => Ok((fields, file)),
    }
}

impl From<multer::Error> for Fault {
    fn from(error: multer::Error) -> Self {
        match error {
            multer::Error::StreamSizeExceeded { .. } => Self::TooLarge,
            _ => Self::Refused,
        }
    }
}
