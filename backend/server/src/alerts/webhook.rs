//! `POST /api/v1/alerts/webhook`: Alertmanager's notifications, kept as history.

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::canary;
use super::notification::{Alerts, Notification};
use super::received::{self, Changes};
use crate::database::bounds::with_request_timeout;
use crate::error::{Error, Result};
use crate::events::alert::NotificationReceived;
use crate::request::Json;
use crate::state::{App, Shared};

/// A sender that has the webhook's token; nobody else's body is read.
pub struct Authorized;

impl FromRequestParts<Shared> for Authorized {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self> {
        let token = &app.config.alerts.webhook_token;
        let refusal = if token.is_empty() {
            let detail = "ALERTS__WEBHOOK_TOKEN is not set, so no notifications are taken".to_owned();
            Error::Forbidden { code: "webhook_off", detail }
        } else if token.is_bearer_token_of(&parts.headers) {
            return Ok(Self);
        } else {
            Error::Unauthorized("Authorization: expected Bearer and the value of ALERTS__WEBHOOK_TOKEN")
        };
        NotificationReceived::begin().ended_by(&refusal);
        Err(refusal)
    }
}

/// `POST /api/v1/alerts/webhook`: 204 once all of its alerts are stored. Alertmanager repeats what is answered by 5xx or not at all.
pub async fn receive(
    State(app): State<Shared>,
    _: Authorized,
    notification: Result<Json<Notification>>,
) -> Result<StatusCode> {
    let event = NotificationReceived::begin();
    match read_and_store(&app, notification).await {
        Ok((Alerts { received, truncated }, changes)) => {
            event.stored(received.len(), truncated);
            changes.emit();
            Ok(StatusCode::NO_CONTENT)
        }
        Err(error) => {
            event.ended_by(&error);
            Err(error)
        }
    }
}

async fn read_and_store(app: &App, notification: Result<Json<Notification>>) -> Result<(Alerts, Changes)> {
    let Json(notification) = notification?;
    let mut alerts = notification.read()?;
    canary::measure_and_remove(&mut alerts.received);
    let changes = with_request_timeout(received::store(&app.database, &alerts.received)).await?;
    Ok((alerts, changes))
}
