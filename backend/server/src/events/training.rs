//! Events of training runs and predictions.
