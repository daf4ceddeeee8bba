//! Components of the shared state, which know nothing of the state.

pub mod access;
pub mod alerts;
pub mod heartbeats;
pub mod instance;
pub mod model_cache;
pub mod notifications;
pub mod own_thread;
pub mod run_feeds;
pub mod upload_slots;
