//! The ledger of calls to the AI provider: its usage API, prices and settings. What the calls themselves do to it is tested with them.

mod prices;
mod usage;
