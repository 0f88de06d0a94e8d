//! The fields of a form, read by the door before any handler runs.

use axum::body::{Body, Bytes};
use axum::extract::{Form, FromRequest, Request};
use http::header;
use subtle::ConstantTimeEq;

use super::fault::Fault;

/// The largest form that is read.
pub(crate) const FORM_BYTES_MAX: usize = 64 * 1024;

/// The fields of a form, in the order they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The fields of a body.
    ///
    /// # Errors
    /// [`Fault::Refused`] when it is no form, or holds a NUL: no text of ours has one, and not every
    /// database keeps it.
    pub(crate) async fn read(bytes: Bytes) -> Result<Self, Fault> {
        let media = "application/x-www-form-urlencoded";
        let request = Request::builder()
            .method(http::Method::POST)
            .header(header::CONTENT_TYPE, media)
            .body(Body::from(bytes))
            .map_err(|_foreign| Fault::Internal)?;
        match Form::<Vec<(String, String)>>::from_request(request, &()).await {
            Ok(Form(fields)) if fields.iter().any(|(_, value)| value.contains('\0')) => {
                Err(Fault::Refused)
            }
            Ok(Form(fields)) => Ok(Self(fields)),
            Err(_) => Err(Fault::Refused),
        }
    }

    /// Adds a field that was read elsewhere.
    ///
    /// # Errors
    /// [`Fault::Refused`] when it holds a NUL.
    pub(crate) fn add(&mut self, name: String, value: String) -> Result<(), Fault> {
        if value.contains('\0') {
            return Err(Fault::Refused);
        }
        self.0.push((name, value));
        Ok(())
    }

    /// Whether the form carries the token of a session, which has one.
    pub(crate) fn show(&self, token: &str) -> bool {
        let same: bool = self.text("csrf").as_bytes().ct_eq(token.as_bytes()).into();
        !token.is_empty() && same
    }

    /// The value of a field as it was sent; empty when there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value.as_str())
    }

    /// The value of a field without the space around it.
    pub(crate) fn trimmed(&self, name: &str) -> &str {
        self.text(name).trim()
    }

    /// Every value of a field: boxes that were ticked.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = move |field: &&'a (String, String)| field.0 == name;
        self.0.iter().filter(named).map(|(_, value)| value.as_str())
    }

    /// Whether a box was ticked.
    pub(crate) fn ticked(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_nul_is_refused() {
        let body = Bytes::from_static(b"a=x&note=a%00b");
        assert_eq!(Fields::read(body).await.unwrap_err(), Fault::Refused);
        let added = Fields::default().add("a".to_owned(), "\0".to_owned());
        assert_eq!(added, Err(Fault::Refused));
    }

    #[tokio::test]
    async fn fields_are_decoded_once_and_repeated_ones_are_all_there() {
        let body = Bytes::from_static(b"a=%2B1+%E9%80%80&m=x&m=y&b=");
        let fields = Fields::read(body).await.unwrap();
        assert_eq!(fields.text("a"), "+1 退");
        assert_eq!(fields.all("m").collect::<Vec<_>>(), ["x", "y"]);
        assert!(fields.ticked("b") && !fields.ticked("c"));
        assert_eq!(fields.text("c"), "");
    }
}
