//! The page that says what went wrong and what to do now.

use askama::Template;
use axum::response::{IntoResponse, Response};

use super::html;
use crate::app::Shared;
use crate::console::fault::Fault;
use crate::console::frame::Frame;
use crate::console::text::fault::Words;
use crate::console::text::login::Words as LoginWords;
use crate::console::visit::{Guest, Visit};

#[derive(Template)]
#[template(path = "fault.html")]
struct Inside {
    frame: Frame,
    words: &'static Words,
}

#[derive(Template)]
#[template(path = "fault_outside.html")]
struct Outside {
    frame: Frame,
    words: &'static Words,
    sign_in: &'static str,
}

/// The page of a fault, with its status.
pub(crate) async fn show(
    app: &Shared,
    guest: &Guest,
    visit: Option<&Visit>,
    fault: Fault,
) -> Response {
    let words = fault.words(guest.language);
    let framed = match visit {
        Some(visit) => Frame::of(app, visit, words.title).await.ok(),
        None => None,
    };
    let page = match framed {
        Some(frame) => {
            let words = fault.words(frame.language);
            html(&Inside { frame, words })
        }
        None => {
            let frame = Frame::outside(app, guest, words.title);
            let sign_in = LoginWords::of(guest.language).sign_in;
            html(&Outside {
                frame,
                words,
                sign_in,
            })
        }
    };
    let mut response = page.unwrap_or_else(|fault| fault.status().into_response());
    *response.status_mut() = fault.status();
    response
}
