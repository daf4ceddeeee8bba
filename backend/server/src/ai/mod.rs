//! Calls to the AI provider as money: what each costs (`ledger/`, by the prices of `prices.rs`), what may be spent (`budget/`),
//! and what was (`usage/`). The arithmetic is the crate `belfry_ledger`.

pub mod budget;
pub mod ledger;
pub mod prices;
pub mod usage;
