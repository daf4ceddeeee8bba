//! Events of the TTL clean-up.
