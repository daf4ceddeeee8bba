//! What a billing provider tells of subscriptions and payments: its signed webhook, the ledger of its events, and the totals
//! of the ledger.
//!
//! A delivery goes through `webhook.rs`: its signature (`signature.rs`), its content (`event.rs`), its row (`rows.rs`).

mod event;
mod listing;
mod rows;
pub mod signature;
pub mod totals;
mod webhook;

pub use listing::list;
pub use webhook::receive;
