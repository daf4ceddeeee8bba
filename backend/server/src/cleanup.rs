//! TTL clean-up: removes datasets whose time is over.
