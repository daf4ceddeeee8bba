//! The alert `AlertDeliveryCanary` fires every ten minutes, so that the way from a rule to this service is tried all the time. It is
//! measured, and not kept.

use std::sync::atomic::{AtomicI64, Ordering};

use super::notification::Received;
use crate::database::now_micros;
use crate::events::alert::CanaryDelivered;

/// Its name.
const NAME: &str = "AlertDeliveryCanary";

/// The start of the last one that was measured; repeated, it would seem to have taken long.
static LAST_START: AtomicI64 = AtomicI64::new(i64::MIN);

/// Takes the canaries out of what was received, and measures those that have begun to fire.
pub(super) fn measure_and_remove(received: &mut Vec<Received>) {
    received.retain(|alert| {
        let is_canary = alert.name == NAME;
        let begins = is_canary && alert.resolved_at.is_none();
        if begins && LAST_START.swap(alert.starts_at, Ordering::Relaxed) != alert.starts_at {
            CanaryDelivered { starts_at: alert.starts_at, now: now_micros() }.emit();
        }
        !is_canary
    });
}
