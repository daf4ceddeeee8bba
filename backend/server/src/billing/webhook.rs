//! `POST /api/v1/billing/events`: signed events of the billing provider, kept as a ledger.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Serialize;

use super::event;
use super::rows::{self, Stored};
use super::signature::Claims;
use crate::database::bounds::with_request_timeout;
use crate::database::now_micros;
use crate::error::{Error, Result};
use crate::events::billing::BillingEventReceived;
use crate::labels::BillingEventType;
use crate::request::Json;
use crate::state::{App, Shared};

/// The largest body. What is read of an event takes a few hundred bytes; providers add fields of their own.
const BODY_LIMIT_BYTES: usize = 256 * 1024;

/// What became of an event, as its sender is told.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Stored,
    Repeated,
    Ignored,
}

/// The answer to an event.
#[derive(Serialize)]
pub struct Receipt {
    status: Status,
}

/// How an event ended that is no error.
enum Ended {
    Stored(String),
    Repeated,
    Ignored,
}

/// `POST /api/v1/billing/events`: 200 once it is stored, now or before; 202 for a type that is not kept. A sender repeats what is
/// answered otherwise, or not at all.
pub async fn receive(State(app): State<Shared>, request: Request) -> Result<(StatusCode, Json<Receipt>)> {
    let mut received = BillingEventReceived::begin();
    let (parts, body) = request.into_parts();
    let ended = read_and_store(&app, &parts, body, &mut received).await;
    let (code, status) = match ended {
        Ok(Ended::Stored(id)) => {
            received.stored(&id);
            (StatusCode::OK, Status::Stored)
        }
        Ok(Ended::Repeated) => {
            received.repeated();
            (StatusCode::OK, Status::Repeated)
        }
        Ok(Ended::Ignored) => {
            received.ignored();
            (StatusCode::ACCEPTED, Status::Ignored)
        }
        Err(error) => {
            received.ended_by(&error);
            return Err(error);
        }
    };
    Ok((code, Json(Receipt { status })))
}

async fn read_and_store(app: &App, parts: &Parts, body: Body, received: &mut BillingEventReceived) -> Result<Ended> {
    let secrets = &app.config.billing.webhook_secrets;
    if secrets.is_empty() {
        let detail = "BILLING__WEBHOOK_SECRET is not set, so no billing events are taken".to_owned();
        return Err(Error::SwitchedOff { code: "billing_disabled", detail });
    }
    // Before the body is read of whom does not even claim to be the provider.
    let claims = Claims::read(&parts.headers, now_micros() / 1_000_000)?;
    let body = app.unverified_bodies.read(body, BODY_LIMIT_BYTES).await?;
    claims.verify(&body, secrets)?;
    received.is_signed();
    let Some(kind) = event::read_type(&body)? else {
        received.has_type(BillingEventType::Other);
        return Ok(Ended::Ignored);
    };
    received.has_type(kind);
    let event = event::read(kind, &body)?;
    let stored = with_request_timeout(rows::store(&app.database, &claims.id, &body, &event)).await?;
    Ok(match stored {
        Stored::New(id) => Ended::Stored(id),
        Stored::Repeated => Ended::Repeated,
    })
}
