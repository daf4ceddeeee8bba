//! Events of uploads and datasets.
