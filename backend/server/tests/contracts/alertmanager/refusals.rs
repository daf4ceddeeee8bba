//! Settings that cannot be used: one sentence for each, which names the variable, what was found and what is expected.

use super::{Rendered, SERVICES, variables_of};

type Variables = &'static [(&'static str, &'static str)];

/// Variables, and the sentences that they are refused with.
const REFUSED: &[(Variables, &[&str])] = &[
    (&[("ALERTS__MODE", "Observe")], &["ALERTS__MODE: found `Observe`, expected `notify` or `observe`"]),
    (
        &[("ALERTS__MODE_FILE", "/run/mode")],
        &["ALERTS__MODE_FILE: found a file, expected ALERTS__MODE itself, which Alertmanager needs as well"],
    ),
    (
        &[("ALERTMANAGER_NOTIFY_BACKEND", "maybe")],
        &["ALERTMANAGER_NOTIFY_BACKEND: found `maybe`, expected `true` or `false`"],
    ),
    (
        &[("ALERTMANAGER_BACKEND_TOKEN_FILE", "/nowhere")],
        &[
            "ALERTMANAGER_BACKEND_TOKEN_FILE: found the path `/nowhere`, expected a file with the token of the backend, or \
           ALERTMANAGER_NOTIFY_BACKEND=false",
        ],
    ),
    // A receiver by halves.
    (
        &[("ALERTMANAGER_TELEGRAM_BOT_TOKEN", "1:a")],
        &[
            "ALERTMANAGER_TELEGRAM_CHAT_ID: found nothing, expected the number of a chat, such as -1001234567890, because \
           ALERTMANAGER_TELEGRAM_BOT_TOKEN is set",
        ],
    ),
    (
        &[("ALERTMANAGER_TELEGRAM_CHAT_ID", "7")],
        &["ALERTMANAGER_TELEGRAM_BOT_TOKEN: found nothing, expected the token of a bot, because \
           ALERTMANAGER_TELEGRAM_CHAT_ID is set"],
    ),
    (
        &[("ALERTMANAGER_SLACK_CHANNEL", "#ops")],
        &["ALERTMANAGER_SLACK_API_URL: found nothing, expected the URL of an incoming webhook, because \
           ALERTMANAGER_SLACK_CHANNEL is set"],
    ),
    (
        &[("ALERTMANAGER_EMAIL_TO", "a@b.test")],
        &[
            "ALERTMANAGER_EMAIL_FROM: found nothing, expected the address of the sender, because ALERTMANAGER_EMAIL_TO is set",
            "ALERTMANAGER_EMAIL_SMARTHOST: found nothing, expected the host and port of a mail server, because \
             ALERTMANAGER_EMAIL_TO is set",
        ],
    ),
    (
        &[
            ("ALERTMANAGER_EMAIL_TO", "a@b.test"),
            ("ALERTMANAGER_EMAIL_FROM", "a@b.test"),
            ("ALERTMANAGER_EMAIL_SMARTHOST", "b.test:25"),
            ("ALERTMANAGER_EMAIL_USERNAME", "a"),
        ],
        &["ALERTMANAGER_EMAIL_PASSWORD: found nothing, expected the password of that login, because \
           ALERTMANAGER_EMAIL_USERNAME is set"],
    ),
    (
        &[("ALERTMANAGER_PAGERDUTY_URL", "https://events.eu.pagerduty.com/v2/enqueue")],
        &["ALERTMANAGER_PAGERDUTY_ROUTING_KEY: found nothing, expected the integration key of a service, because \
           ALERTMANAGER_PAGERDUTY_URL is set"],
    ),
    (
        &[("ALERTMANAGER_OPSGENIE_API_URL", "https://api.atlassian.com/jsm/ops/integration")],
        &["ALERTMANAGER_OPSGENIE_API_KEY: found nothing, expected the API key of an integration, because \
           ALERTMANAGER_OPSGENIE_API_URL is set"],
    ),
    (
        &[("ALERTMANAGER_WEBHOOK_TOKEN", "hunter2")],
        &["ALERTMANAGER_WEBHOOK_URL: found nothing, expected the URL that takes the alerts, because \
           ALERTMANAGER_WEBHOOK_TOKEN is set"],
    ),
    // Names.
    (
        &[("ALERTMANAGER_SLACK_URL", "https://a.test")],
        &["ALERTMANAGER_SLACK_URL: found a variable that does not exist, expected one of those in .env.example"],
    ),
    (
        &[("ALERTMANAGER_MODE", "observe")],
        &["ALERTMANAGER_MODE: found a variable that does not exist, expected one of those in .env.example"],
    ),
    // Files.
    (
        &[("ALERTMANAGER_WATCHDOG_URL_FILE", "/nowhere")],
        &[
            "ALERTMANAGER_WATCHDOG_URL_FILE: found the path `/nowhere`, expected the path of a file that can be read here",
        ],
    ),
    (
        &[("ALERTMANAGER_WATCHDOG_URL_FILE", "/dev/null")],
        &[
            "ALERTMANAGER_WATCHDOG_URL_FILE: found the path `/dev/null`, expected the path of a file that can be read here",
        ],
    ),
    (
        &[("ALERTMANAGER_WATCHDOG_URL_FILE", "https://hunter2.test")],
        &[
            "ALERTMANAGER_WATCHDOG_URL_FILE: found a path that is not shown, expected the path of a file that can be read here",
        ],
    ),
    (
        &[("ALERTMANAGER_WATCHDOG_URL_FILE", "/etc/hostname"), ("ALERTMANAGER_WATCHDOG_URL", "https://hunter2.test")],
        &[
            "ALERTMANAGER_WATCHDOG_URL: found both ALERTMANAGER_WATCHDOG_URL and ALERTMANAGER_WATCHDOG_URL_FILE, expected one of \
           the two",
        ],
    ),
];

/// A variable whose receiver is otherwise complete, and values that it cannot have.
const INVALID: &[(&str, &[&str])] = &[
    (
        "ALERTMANAGER_TELEGRAM_BOT_TOKEN",
        &["hunter2", ":hunter2", "12:", "12:hunter 2", "bot12:hunter2", "12:{{hunter2}}"],
    ),
    ("ALERTMANAGER_TELEGRAM_CHAT_ID", &["@channel", "0", "-0", "007", "1.5", "--1", "12345678901234567890"]),
    ("ALERTMANAGER_TELEGRAM_API_URL", &["api.telegram.org", "ftp://a.test", "https://", "http://a.test:99999"]),
    (
        "ALERTMANAGER_SLACK_API_URL",
        &["hooks.slack.test", "https://a.test/hunter 2", "https:///hunter2", "https://a:b/hunter2"],
    ),
    ("ALERTMANAGER_SLACK_CHANNEL", &["#a\nb", "{{ .Status }}", "#a\u{85}b", "\u{1b}[1m"]),
    ("ALERTMANAGER_EMAIL_TO", &["nobody", "a@b.test\r\nBcc: c@d.test", "{{ .Status }}@b.test"]),
    (
        "ALERTMANAGER_EMAIL_SMARTHOST",
        &["smtp.test", "smtp.test:", "smtp.test:mail", "smtp://smtp.test:25", ":25", "a:0"],
    ),
    ("ALERTMANAGER_EMAIL_REQUIRE_TLS", &["perhaps"]),
    ("ALERTMANAGER_EMAIL_PASSWORD", &["hunter\n2"]),
    ("ALERTMANAGER_PAGERDUTY_ROUTING_KEY", &["hunter 2", "hunter2\n", "hünter2", "{{ .hunter2 }}"]),
    ("ALERTMANAGER_OPSGENIE_API_KEY", &["hunter 2", "{{hunter2}}"]),
    ("ALERTMANAGER_OPSGENIE_API_URL", &["api.opsgenie.com", "https://[::1"]),
    ("ALERTMANAGER_WEBHOOK_URL", &["hunter2.test", "https://a.test/{{ .hunter2 }}", "https://a.test/\"hunter2\""]),
    ("ALERTMANAGER_WEBHOOK_TOKEN", &["hunter 2"]),
    ("ALERTMANAGER_WATCHDOG_URL", &["hunter2", "https://a.test/h\tunter2"]),
];

#[test]
fn a_service_by_halves_is_refused_with_a_sentence() {
    for (variables, sentences) in REFUSED {
        let refused = Rendered::with("inline", variables.iter().copied());
        assert_eq!((refused.code, refused.refused.lines().collect::<Vec<_>>()), (Some(2), sentences.to_vec()));
        assert!(!refused.path("").exists(), "something was written for {variables:?}");
    }
}

#[test]
fn a_value_that_cannot_be_used_is_refused() {
    let all: Vec<&str> = SERVICES.iter().map(|(service, _)| *service).collect();
    for (variable, values) in INVALID {
        for value in *values {
            let others = variables_of(&all).into_iter().filter(|(name, _)| name != variable);
            let refused = Rendered::with("files", others.chain([(*variable, *value)]));
            let said = &refused.refused;
            assert_eq!(refused.code, Some(2), "{variable} {value:?}: {said}");
            assert!(
                said.starts_with(&format!("{variable}: found ")) && said.contains(", expected "),
                "{value:?}: {said}"
            );
            assert_eq!(said.matches(", expected ").count(), 1, "{variable} {value:?}: {said}");
            assert!(!said.contains("hunter") && !said.contains("hünter"), "a secret is shown: {said}");
            assert!(!refused.path("").exists(), "something was written");
        }
    }
}

#[test]
fn every_fault_is_said_at_once() {
    let variables = [
        ("ALERTS__MODE", "off"),
        ("ALERTMANAGER_PAGERDUTY_URL", "none"),
        ("ALERTMANAGER_EMAIL_TO", "nobody"),
        ("ALERTMANAGER_WATCHDOG_URI", "x"),
    ];
    let refused = Rendered::with("files", variables);
    let named: Vec<&str> = refused.refused.lines().filter_map(|line| Some(line.split_once(": found ")?.0)).collect();
    let expected = [
        "ALERTMANAGER_WATCHDOG_URI",
        "ALERTS__MODE",
        "ALERTMANAGER_EMAIL_TO",
        "ALERTMANAGER_EMAIL_FROM",
        "ALERTMANAGER_EMAIL_SMARTHOST",
        "ALERTMANAGER_PAGERDUTY_URL",
        "ALERTMANAGER_PAGERDUTY_ROUTING_KEY",
    ];
    assert_eq!(named, expected);
}
