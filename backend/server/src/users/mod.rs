//! Users, their keys, and what lets requests in.
//!
//! - `authenticate.rs`: the middleware that asks for a key
//! - `open_streams.rs`: the end of event streams whose key is no longer valid
//! - `people.rs`, `keys.rs`, `rotation.rs`: the routes for users and keys
//! - `setup.rs`, `admin_key.rs`: the first key
//! - `audit.rs`: the list of who changed what
//! - `totals.rs`, `retention.rs`: how many users there are and were active; what is forgotten in time
//!
//! What of this other parts need, such as `Caller`, is in `components/access/`.

mod admin_key;
mod audit;
mod authenticate;
mod first_user;
mod keys;
mod open_streams;
mod people;
pub mod retention;
mod rotation;
mod setup;
pub mod totals;

use std::net::SocketAddr;

use crate::config::AuthMode;
use crate::state::App;

pub use audit::list as list_audit;
pub use authenticate::{Gate, authenticate};
pub use keys::{create as create_key, list as list_keys, revoke as revoke_key};
pub use people::{create, deactivate, list, show};
pub use rotation::rotate as rotate_key;
pub use setup::exchange as exchange_setup_token;

/// Sees to it that there is an admin key, or a way to one, before the first request. `address` is where this server listens.
///
/// # Errors
/// A key file that cannot be used, or a database that does not answer.
pub async fn prepare(app: &App, address: SocketAddr) -> anyhow::Result<()> {
    if app.config.auth.mode == AuthMode::Off {
        return Ok(());
    }
    match &app.config.auth.admin_key_file {
        Some(path) => admin_key::install(app, path).await,
        None => setup::offer(app, address).await,
    }
}
