//! A file that comes with a form: only where a page of ours asks for one, with bounds of its own. The
//! form's other fields are checked like those of every form.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::Request;
use http::header;
use multer::{Constraints, Multipart, SizeLimit};
use tuikuan_engine::batch::file::FILE_BYTES_MAX;

use super::fault::Fault;
use super::form::Fields;
use crate::app::Shared;
use crate::body;

/// Where files are taken.
const PATH: &str = "/console/batches";

/// Room for the other fields and the borders between them.
const REST_BYTES_MAX: usize = 64 * 1024;

/// The name of the field that carries the file.
const FIELD: &str = "file";

/// The fields such a form has.
const FIELDS: [&str; 3] = ["csrf", "merchant", FIELD];

/// A file that was sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    /// What it is called where it comes from; only shown.
    pub(crate) name: String,
    /// What stands in it.
    pub(crate) bytes: Vec<u8>,
}

/// Whether a request brings a file to where files are taken.
pub(crate) fn is_upload(request: &Request) -> bool {
    let media = request.headers().get(header::CONTENT_TYPE);
    let media = media.and_then(|value| value.to_str().ok());
    request.uri().path() == PATH && media.is_some_and(|m| m.starts_with("multipart/form-data"))
}

/// Reads the form. The file goes to the handler beside the fields.
///
/// # Errors
/// [`Fault::TooLarge`], [`Fault::Refused`].
pub(crate) async fn read(app: &Shared, request: Request) -> Result<(Request, Fields), Fault> {
    let (head, sent) = request.into_parts();
    let media = head.headers.get(header::CONTENT_TYPE);
    let media = media.and_then(|value| value.to_str().ok());
    let boundary = media.and_then(|media| multer::parse_boundary(media).ok());
    let boundary = boundary.ok_or(Fault::Refused)?;
    let most = FILE_BYTES_MAX.saturating_add(REST_BYTES_MAX);
    let bytes = body::read(sent, most, app.settings.request_timeout).await?;
    let limits = SizeLimit::new()
        .for_field("csrf", 4096)
        .for_field("merchant", 4096);
    let limits = Constraints::new()
        .allowed_fields(FIELDS.to_vec())
        .size_limit(limits);
    let stream = tokio_stream::once(Ok::<_, Infallible>(bytes));
    let mut form = Multipart::with_constraints(stream, boundary, limits);
    let (mut fields, mut file) = (Vec::new(), Sent::default());
    while let Some(field) = form.next_field().await.ok().ok_or(Fault::Refused)? {
        let name = field.name().unwrap_or_default().to_owned();
        let called = field.file_name().map(str::to_owned);
        let bytes = field.bytes().await.ok().ok_or(Fault::Refused)?;
        if name == FIELD {
            file = Sent {
                name: called.unwrap_or_default(),
                bytes: bytes.to_vec(),
            };
        } else {
            let text = String::from_utf8(bytes.to_vec());
            fields.push((name, text.ok().ok_or(Fault::Refused)?));
        }
    }
    let mut request = Request::from_parts(head, Body::empty());
    request.extensions_mut().insert(std::sync::Arc::new(file));
    Ok((request, Fields::of(fields)))
}
