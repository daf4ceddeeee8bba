//! The tiers of alerts on the burn rate: how many times as fast as allowed the error budget is spent.
//!
//! From "Alerting on SLOs", chapter 5 of Google's Site Reliability Workbook (<https://sre.google/workbook/alerting-on-slos/>),
//! section 6, "Multiwindow, Multi-Burn-Rate Alerts": a burn rate of 14.4 spends 2 % of the budget of 30 days in an hour, 6 spends
//! 5 % in six hours, and 1 spends 10 % in three days; the short window is a twelfth of the long one, so that the alert ends soon
//! after its cause. The tier between the last two, 3 for 10 % in a day, and how long each condition must hold are those of the
//! alert KubeAPIErrorBudgetBurn of kubernetes-mixin.

/// The window of an objective, of which the burn rates are computed.
pub(super) const WINDOW: &str = "30d";

/// One tier of alerts.
pub(super) struct Tier {
    /// The value of the label `burn_tier`.
    pub name: &'static str,
    /// The burn rate above which it fires, in both windows.
    pub burn_rate: f64,
    pub long: &'static str,
    pub short: &'static str,
    /// Minutes for which the condition must hold.
    pub for_minutes: u32,
    pub severity: &'static str,
    /// Both windows, in words.
    pub in_words: &'static str,
    /// What is spent of the budget within the long window at this burn rate.
    pub share: &'static str,
}

/// The highest first.
pub(super) const TIERS: [Tier; 4] = [
    Tier {
        name: "14.4x",
        burn_rate: 14.4,
        long: "1h",
        short: "5m",
        for_minutes: 2,
        severity: "critical",
        in_words: "the last hour and the last five minutes",
        share: "2 % of the budget in an hour",
    },
    Tier {
        name: "6x",
        burn_rate: 6.0,
        long: "6h",
        short: "30m",
        for_minutes: 15,
        severity: "critical",
        in_words: "the last six hours and the last half hour",
        share: "5 % of the budget in six hours",
    },
    Tier {
        name: "3x",
        burn_rate: 3.0,
        long: "1d",
        short: "2h",
        for_minutes: 60,
        severity: "warning",
        in_words: "the last day and the last two hours",
        share: "10 % of the budget in a day",
    },
    Tier {
        name: "1x",
        burn_rate: 1.0,
        long: "3d",
        short: "6h",
        for_minutes: 180,
        severity: "warning",
        in_words: "the last three days and the last six hours",
        share: "10 % of the budget in three days",
    },
];

/// The burn rate of the highest tier, for which an objective must leave room.
pub(super) const HIGHEST_BURN_RATE: f64 = TIERS[0].burn_rate;
