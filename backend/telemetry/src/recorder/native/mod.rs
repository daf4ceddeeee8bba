//! Native histograms: the page once more, in the protobuf format, for a scraper that asks for it.
//!
//! In text a native histogram cannot be shown at all, so everyone else gets classic buckets. This page has both, and the
//! scraper takes either, or both.

mod protobuf;
mod sparse;

pub(super) use protobuf::page;
pub(super) use sparse::Sparse;
