//! The way to a first admin key: a token that a start without one writes to standard error, and that `POST /api/v1/setup`
//! exchanges for a key, once.
//!
//! It is written past the log, since that also goes to Loki and to files. Only its hash is stored. Each start without an admin key
//! writes a new token, and only the newest is valid: an earlier one may have been lost, or seen.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use axum::Extension;
use axum::body::Body;
use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use serde::Deserialize;
use sqlx::AnyConnection;

use super::first_user::admin_user;
use super::keys::{Created, Row, created, location};
use crate::components::access::Scopes;
use crate::components::access::audit::{Entry, write_done};
use crate::components::access::key_text::{Hash, NewSecret};
use crate::database::bounds::{with_background_timeout, with_request_timeout};
use crate::database::{Database, micros, now_micros};
use crate::error::{Error, Result};
use crate::events::auth::RequestNotAdmitted;
use crate::labels::AuthFailure;
use crate::listener::ClientAddress;
use crate::request::Json;
use crate::state::{App, Shared};

/// How long a token is valid.
const VALID: Duration = Duration::from_secs(60 * 60);

const PATH: &str = "/api/v1/setup";

/// The largest body: a token takes about a hundred bytes.
const BODY_LIMIT_BYTES: usize = 16 * 1024;

/// Writes a token to standard error if there is no admin key that is valid.
pub(super) async fn offer(app: &App, address: SocketAddr) -> anyhow::Result<()> {
    let offered = with_background_timeout(renew_token(&app.database)).await;
    let Some(token) = offered.context("cannot find out whether there is an admin key")? else { return Ok(()) };
    let url = format!("http://{}{PATH}", reachable(address));
    let (token, text) =
        (token.expose(), "belfry: there is no admin key yet. Within an hour, this token is exchanged for one, once:");
    let command = format!("curl -X POST {url} -H 'Content-Type: application/json' -d '{{\"token\":\"{token}\"}}'");
    // Nobody may be reading it.
    let _ = writeln!(std::io::stderr(), "{text}\n  {command}\nA token of an earlier start is no longer valid.");
    tracing::warn!("there is no admin key: a token for one is on standard error, and nowhere else");
    Ok(())
}

/// An address of this machine for one that stands for all of them.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(any) if any.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, any.port()).into(),
        SocketAddr::V6(any) if any.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, any.port()).into(),
        address => address,
    }
}

/// Whether there is a key with the scope `admin` that is valid now.
async fn has_admin_key(connection: &mut AnyConnection) -> Result<bool> {
    let query = "SELECT k.scopes FROM api_keys k JOIN users u ON u.id = k.user_id \
        WHERE k.revoked_at IS NULL AND u.deactivated_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $1) \
        AND k.scopes LIKE '%admin%' LIMIT 1";
    let admin: Option<(String,)> = sqlx::query_as(query).bind(now_micros()).fetch_optional(connection).await?;
    Ok(admin.is_some())
}

async fn renew_token(database: &Database) -> Result<Option<NewSecret>> {
    let mut connection = database.pool.acquire().await?;
    if has_admin_key(&mut connection).await? {
        return Ok(None);
    }
    let token = NewSecret::setup_token();
    sqlx::query(
        "INSERT INTO setup_token (id, token_hash, expires_at) VALUES (1, $1, $2) \
         ON CONFLICT (id) DO UPDATE SET token_hash = excluded.token_hash, expires_at = excluded.expires_at",
    )
    .bind(token.hash().to_hex())
    .bind(now_micros().saturating_add(micros(VALID)))
    .execute(&mut *connection)
    .await?;
    Ok(Some(token))
}

/// The body of a request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    token: String,
}

/// `POST /api/v1/setup`: 201 with an admin key, which is shown this once.
pub async fn exchange(
    State(app): State<Shared>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    request: Request,
) -> Result<Created> {
    let refused = |reason| RequestNotAdmitted { reason, key_id: None, route: PATH }.emit();
    if let Some(seconds) = app.access.limited_for(address) {
        refused(AuthFailure::RateLimited);
        return Err(Error::TooManyFailures { seconds });
    }
    let (head, body) = request.into_parts();
    let body = app.body_budget.read(body, BODY_LIMIT_BYTES).await?;
    let request = Request::from_parts(head, Body::from(body));
    let Json(Exchange { token }) = Json::from_request(request, &app).await?;
    let Some((row, secret)) = with_request_timeout(take(&app.database, &Hash::of(&token), address)).await? else {
        refused(AuthFailure::SetupToken);
        app.access.add_failure(address);
        let detail = "token: found one that was never given, was used, or is over an hour old, or there is an admin key; a start without an admin key writes another";
        return Err(Error::Unauthenticated { code: "setup_token_invalid", detail, offers_basic: false });
    };
    Ok(created(row, &secret))
}

/// Takes the token, makes the key and has it on record, all or nothing. Of two requests at once one finds no token. With an admin key
/// no token is valid.
async fn take(database: &Database, token: &Hash, address: IpAddr) -> Result<Option<(Row, NewSecret)>> {
    let mut transaction = database.begin().await?;
    let query = "DELETE FROM setup_token WHERE id = 1 AND token_hash = $1 AND expires_at > $2";
    let taken = sqlx::query(query).bind(token.to_hex()).bind(now_micros()).execute(&mut *transaction).await?;
    if taken.rows_affected() == 0 || has_admin_key(&mut transaction).await? {
        // A token beside an admin key is gone, too.
        transaction.commit().await?;
        return Ok(None);
    }
    let user_id = admin_user(&mut transaction).await?;
    let row = Row::new(&user_id, "setup", Scopes::all(), "setup", None);
    let secret = row.secret()?;
    row.insert(&mut transaction, &secret.hash().to_hex()).await?;
    let entry = Entry {
        user_id: None,
        key_id: None,
        action: format!("POST {PATH}"),
        object: location(&row.id),
        address: Some(address),
    };
    write_done(&mut transaction, &entry, StatusCode::CREATED).await?;
    transaction.commit().await?;
    Ok(Some((row, secret)))
}
