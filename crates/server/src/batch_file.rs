//! The result of a batch as a file: one line for each line of the upload, in its order, streamed page
//! by page. Text from outside is neutralised for spreadsheets (INV-37). The console and the interface
//! hand out the same file.

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tuikuan_domain::BatchId;
use tuikuan_domain::batch::Batch;
use tuikuan_engine::batch::file::Format;
use tuikuan_engine::{By, EngineError};
use tuikuan_store::{Action, BatchLine, LineFilter, LinesOf};

use crate::app::App;
use crate::code::Code;
use crate::console::fault::Fault;
use crate::problem::Problem;
use crate::shape::BatchLineBody;

/// Lines read at a time.
const LINES_AT_ONCE: u32 = 1000;
/// Pages that may wait for the reader.
const PAGES_WAITING: usize = 2;

/// The columns of a result.
const HEAD: &str = "line,out_trade_no,transaction_id,amount_fen,amount_yuan,out_refund_no,reason,status,refund,refund_id,warnings,error,message,advice\r\n";

/// Why a result does not leave.
#[derive(Debug)]
pub(crate) enum Held {
    /// As many files as possible are being sent.
    Full,
    /// It could not be noted in the audit log.
    NotNoted(EngineError),
}

impl From<Held> for Problem {
    fn from(held: Held) -> Self {
        match held {
            Held::Full => {
                let detail = "as many files as possible are being sent already; ask again soon";
                Self::new(Code::TOO_MANY_CONNECTIONS, detail)
            }
            Held::NotNoted(error) => error.into(),
        }
    }
}

impl From<Held> for Fault {
    fn from(held: Held) -> Self {
        match held {
            Held::Full => Self::TooMany,
            Held::NotNoted(error) => error.into(),
        }
    }
}

/// Hands the result out, once it is noted who took it.
///
/// # Errors
/// [`Held`].
pub(crate) async fn response(
    app: &App,
    by: &By,
    (batch, format): (&Batch, Format),
) -> Result<Response, Held> {
    let place = app.exports.take(by).ok_or(Held::Full)?;
    let detail = serde_json::json!({ "merchant": batch.merchant.as_str() });
    app.engine
        .audit(by, Action::BATCH_EXPORTED, batch.id.as_str(), detail)
        .await
        .map_err(Held::NotNoted)?;
    let (sender, receiver) = mpsc::channel(PAGES_WAITING);
    let (writer, id) = (App::clone(app), batch.id.clone());
    app.tasks.spawn(async move {
        let _place = place;
        write(&writer, id, format, &sender).await;
    });
    let (media, end) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "csv"),
        Format::JsonLines => ("application/jsonl", "jsonl"),
    };
    let mut response = Body::from_stream(ReceiverStream::new(receiver)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    // The name is of our own making: an id holds letters, digits and dashes.
    let disposition = format!("attachment; filename=\"{}-result.{end}\"", batch.id);
    if let Ok(value) = HeaderValue::try_from(disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

type Sender = mpsc::Sender<Result<Bytes, std::io::Error>>;

/// Writes page after page. A file that is cut is seen as such: the transfer breaks off.
async fn write(app: &App, batch: BatchId, format: Format, sender: &Sender) {
    // Excel takes a file for UTF-8 only with the mark.
    let mut text = match format {
        Format::Csv => format!("\u{feff}{HEAD}"),
        Format::JsonLines => String::new(),
    };
    let mut after = 0;
    loop {
        let wanted = LinesOf {
            batch: batch.clone(),
            filter: LineFilter::All,
            after,
            limit: LINES_AT_ONCE,
        };
        let lines = tokio::select! {
            () = app.stopping.cancelled() => Err("the service stops"),
            lines = app.engine.store().batch_lines(wanted) => lines.map_err(|error| {
                tracing::error!(%error, "the result of a batch ended early");
                "the store did not answer"
            }),
        };
        let lines = match lines {
            Ok(lines) => lines,
            Err(reason) => {
                // Nobody reads any more: nothing is to be broken.
                drop(sender.send(Err(std::io::Error::other(reason))).await);
                return;
            }
        };
        for line in &lines {
            match format {
                Format::Csv => csv_line(&mut text, line),
                Format::JsonLines => json_line(&mut text, line),
            }
        }
        let last = lines.last().map(|line| line.line.number);
        let part = Bytes::from(std::mem::take(&mut text));
        if sender.send(Ok(part)).await.is_err() {
            return;
        }
        match last {
            Some(last) => after = last,
            None => return,
        }
    }
}

fn json_line(text: &mut String, line: &BatchLine) {
    // Text and numbers under fixed names: this cannot fail to be JSON.
    let object = serde_json::to_string(&BatchLineBody::of(line)).unwrap_or_default();
    text.push_str(&object);
    text.push('\n');
}

fn csv_line(text: &mut String, line: &BatchLine) {
    let body = BatchLineBody::of(line);
    let error = body.error.as_ref();
    let cells = [
        body.line.to_string(),
        body.out_trade_no.unwrap_or_default().to_owned(),
        body.transaction_id.unwrap_or_default().to_owned(),
        body.amount.to_string(),
        line.line.amount.to_yuan(),
        body.out_refund_no.to_owned(),
        body.reason.unwrap_or_default().to_owned(),
        body.status.to_owned(),
        body.refund.unwrap_or_default().to_owned(),
        body.refund_id.unwrap_or_default().to_owned(),
        body.warnings.join(" "),
        error.map_or("", |error| error.code).to_owned(),
        error.map_or("", |error| error.message).to_owned(),
        error.map_or("", |error| error.advice).to_owned(),
    ];
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        push_cell(text, cell);
    }
    text.push_str("\r\n");
}

/// A cell: never a formula, quoted where it must be, long numbers kept as text.
fn push_cell(text: &mut String, cell: &str) {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    // Excel keeps 15 digits of a number.
    let long = cell.len() > 15 && cell.bytes().all(|b| b.is_ascii_digit());
    let safe = if formula || long {
        format!("'{cell}")
    } else {
        cell.to_owned()
    };
    if safe.contains([',', '"', '\n', '\r', ';']) {
        text.push('"');
        text.push_str(&safe.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(&safe);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_never_formulas_and_long_numbers_stay_text() {
        let cell = |text: &str| {
            let mut out = String::new();
            push_cell(&mut out, text);
            out
        };
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("@x,y"), "\"'@x,y\"");
        assert_eq!(cell("say \"hi\""), "\"say \"\"hi\"\"\"");
        assert_eq!(
            cell("4200001234567890123456789012"),
            "'4200001234567890123456789012"
        );
        assert_eq!(cell("ORDER-1"), "ORDER-1");
        assert_eq!(HEAD.split(',').count(), 14);
    }
}
