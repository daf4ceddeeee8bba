//! What the tests of the API share: servers, the services around them, uploads, runs, and waiting.

pub(super) mod alertmanager;
pub(super) mod backups;
pub(super) mod control_group;
pub(super) mod hanging_store;
pub(super) mod jobs;
pub(super) mod lock;
pub(super) mod mounts;
pub(super) mod outages;
pub(super) mod postgres;
pub(super) mod process_limit;
pub(super) mod prometheus;
pub(super) mod runs;
pub(super) mod server;
pub(crate) mod skipping;
pub(super) mod source;
pub(super) mod starting;
pub(super) mod uploads;
