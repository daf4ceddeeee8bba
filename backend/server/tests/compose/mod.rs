//! The stack in containers, driven from outside: the real compose files on a real engine.
//! The images may be the stand-ins of `infra/local-images`; the files and the backend's image are always real.

mod context;
mod keys;
mod run_script;
mod stack;

use std::time::Duration;

use belfry_test_support::eventually;
use reqwest::StatusCode;
use serde_json::Value;
use stack::{PORTS, Stack, project_root};

const DEV: [&str; 4] = ["--file", "docker-compose.yml", "--file", "docker-compose.dev.yml"];

fn client() -> reqwest::Client {
    belfry_telemetry::tls::http_client().build().expect("an HTTP client")
}

/// Asks until the answer satisfies, for at most `limit`, and returns it.
async fn await_answer(url: &str, limit: Duration, satisfies: impl Fn(StatusCode, &str) -> bool) -> String {
    eventually(&format!("{url} answers as awaited"), limit, async || {
        let response = client().get(url).send().await.map_err(|error| error.to_string())?;
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        if satisfies(status, &text) { Ok(text) } else { Err(format!("{status}: {text}")) }
    })
    .await
}

async fn status(url: &str) -> StatusCode {
    client().get(url).send().await.expect("an answer").status()
}

/// Uploads the penguins and returns the dataset as the API describes it.
async fn upload(stack: &Stack) -> Value {
    let csv = std::fs::read(project_root().join("data/penguins.csv")).expect("the shipped dataset");
    let response = client()
        .post(stack.url("BACKEND_PORT", "/api/v1/datasets?name=penguins.csv"))
        .header("content-type", "text/csv")
        .body(csv)
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), StatusCode::CREATED);
    response.json().await.expect("a dataset")
}

/// The services that do their work once, and end.
const ENDING: [&str; 2] = ["grafana-password", "webhook-token"];

/// The token with which Alertmanager sends alerts to the backend, as one of the two reads it.
fn webhook_token(stack: &Stack, service: &str) -> String {
    stack.composed(&["exec", "-T", service, "cat", "/run/webhook-token/token"])
}

fn grafana_password(stack: &Stack) -> String {
    stack.composed(&["exec", "-T", "grafana", "cat", "/run/grafana-password/password"])
}

async fn grafana_login(stack: &Stack, password: Option<&str>) -> StatusCode {
    let request = client().get(stack.url("GRAFANA_PORT", "/api/org"));
    let request = match password {
        Some(password) => request.basic_auth("admin", Some(password)),
        None => request,
    };
    request.send().await.expect("an answer").status()
}

/// Whether Loki's metrics, or those of its stand-in, show that something was pushed.
fn logs_arrived(metrics: &str) -> bool {
    metrics
        .lines()
        .filter(|line| {
            line.starts_with("loki_distributor_lines_received_total") || line.starts_with("stand_in_pushes_total")
        })
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .any(|value| value > 0.0)
}

/// The setting names that the program itself lists, from its commented example file.
fn program_settings() -> Vec<String> {
    let output =
        std::process::Command::new(env!("CARGO_BIN_EXE_belfry")).arg("config").output().expect("the program runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let mut names: Vec<String> = text
        .lines()
        .map(|line| line.trim_start_matches(['#', ' ']))
        .filter_map(|line| line.split_once('=').map(|(name, _)| name))
        .filter(|name| name.contains("__") && !name.ends_with("_FILE"))
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn every_setting_of_the_program_can_be_passed_through_compose() {
    let compose = std::fs::read_to_string(project_root().join("docker-compose.yml")).expect("the compose file");
    let names = program_settings();
    assert!(names.len() > 20, "`belfry config` lists only {names:?}");
    let missing: Vec<_> =
        names.iter().filter(|name| !compose.lines().any(|line| line.starts_with(&format!("      {name}:")))).collect();
    assert!(missing.is_empty(), "add to the backend's environment in docker-compose.yml: {missing:?}");
}

#[test]
#[ignore = "needs Docker Compose: ./run.sh test runs it"]
fn every_profile_and_overlay_is_valid() {
    let stack = Stack::new(&[]);
    for files in [&DEV[..2], &DEV[..]] {
        for profiles in [&[][..], &["--profile", "postgres"][..]] {
            stack.composed(&[files, profiles, &["config", "--quiet"]].concat());
        }
    }
}

#[test]
#[ignore = "needs Docker Compose: ./run.sh test runs it"]
fn every_service_is_confined() {
    let stack = Stack::new(&[("POSTGRES_PASSWORD", "unused")]);
    let config = stack.config(&["--profile", "*"]);
    let services = config["services"].as_object().expect("services");
    assert_eq!(services.len(), 10, "{:?}", services.keys());
    for (name, service) in services {
        assert_eq!(service["read_only"], true, "{name}: writable root");
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{name}: capabilities");
        assert!(service["cap_add"].is_null(), "{name}: capabilities added");
        assert_eq!(service["security_opt"], serde_json::json!(["no-new-privileges:true"]), "{name}");
        let user = service["user"].as_str().unwrap_or_default();
        assert!(!user.is_empty() && !user.starts_with("0"), "{name}: user {user:?}");
        assert!(service["mem_limit"].is_string(), "{name}: no memory limit");
        assert!(service["pids_limit"].as_i64().is_some_and(|limit| limit > 0), "{name}: no process limit");
        assert!(!service["cpus"].is_null() || !service["cpu_quota"].is_null(), "{name}: no processor limit");
        assert!(service["logging"]["options"]["max-size"].is_string(), "{name}: its log grows for ever");
        // Our own image is built, the others are taken as somebody else made them.
        let image = service["image"].as_str().expect("an image");
        let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
        assert!(service["build"].is_object() || tag.contains('.'), "{name}: {image} is not pinned");
        // Those that end are waited for by their end.
        let ends = ENDING.contains(&name.as_str());
        assert!(ends || service["healthcheck"]["test"].is_array(), "{name}: no healthcheck");
        for port in service["ports"].as_array().into_iter().flatten() {
            assert_eq!(port["host_ip"], "127.0.0.1", "{name}: {port}");
        }
    }
}

#[test]
#[ignore = "needs Docker Compose: ./run.sh test runs it"]
fn every_published_port_moves_with_its_variable() {
    let stack = Stack::new(&[]);
    let published = |options: &[&str]| {
        let config = stack.config(options);
        let services = config["services"].as_object().expect("services").values();
        let ports = services.flat_map(|service| service["ports"].as_array().cloned().unwrap_or_default());
        let mut published: Vec<String> =
            ports.map(|port| port["published"].as_str().expect("a port").to_owned()).collect();
        published.sort();
        published
    };
    let expected = |names: &[&str]| {
        let ports = names.iter().map(|name| stack.url(name, "").rsplit_once(':').expect("a port").1.to_owned());
        let mut expected: Vec<String> = ports.collect();
        expected.sort();
        expected
    };
    assert_eq!(published(&DEV), expected(&PORTS));
    // Whoever reaches the blackbox exporter reaches the whole network of the stack.
    let others: Vec<&str> = PORTS.into_iter().filter(|name| *name != "BLACKBOX_PORT").collect();
    assert_eq!(published(&[]), expected(&others));
    let config = stack.config(&[]);
    // Links between the tools as well: no default port is left anywhere in a command or a setting.
    let text = config["services"].to_string();
    for default in ["localhost:9090", "localhost:3001", "localhost:9093"] {
        assert!(!text.contains(default), "{default} stayed");
    }
}

#[test]
#[ignore = "needs Docker Compose: ./run.sh test runs it"]
fn a_set_variable_reaches_the_backend_an_unset_one_does_not() {
    let stack = Stack::new(&[("PROMETHEUS__ENABLED", "false"), ("GRAFANA_ADMIN_PASSWORD", "for Grafana")]);
    let config = stack.config(&[]);
    let environment = &config["services"]["backend"]["environment"];
    assert_eq!(environment["PROMETHEUS__ENABLED"], "false");
    assert_eq!(environment["UPLOAD__MAX_BYTES"], Value::Null);
    assert_eq!(environment["APP__INSTANCE"], "backend:8000");
    assert_eq!(environment["LOKI__URL"], "http://loki:3100");
    assert_eq!(environment["GRAFANA_ADMIN_PASSWORD"], "", "the backend was given Grafana's password");
}

#[test]
#[ignore = "needs Docker Compose: ./run.sh test runs it"]
fn grafana_is_open_without_a_login_in_the_dev_overlay_only() {
    let stack = Stack::new(&[]);
    let anonymous = |options: &[&str]| {
        stack.config(options)["services"]["grafana"]["environment"]["GF_AUTH_ANONYMOUS_ENABLED"].clone()
    };
    assert_eq!(anonymous(&[]), "false");
    assert_eq!(anonymous(&DEV), "true");
}

#[tokio::test]
#[ignore = "needs a Docker engine: ./run.sh test runs it"]
async fn the_stack_comes_up_healthy_and_keeps_what_it_was_given() {
    let stack = Stack::new(&[]);
    let elapsed = stack.up(&[]);
    println!("healthy after {:.1} s", elapsed.as_secs_f64());

    for (service, container) in stack.containers() {
        let expected = if ENDING.contains(&service.as_str()) { "exited" } else { "running" };
        assert_eq!(container["State"]["Status"], expected, "{service}");
        assert_eq!(container["State"]["ExitCode"], 0, "{service}");
        assert_eq!(container["HostConfig"]["ReadonlyRootfs"], true, "{service}");
    }

    // Not only declared: tried.
    let user = stack.composed(&["exec", "-T", "backend", "id", "-u"]);
    assert_eq!(user.trim(), "10001");
    let touched = stack.compose(&["exec", "-T", "backend", "touch", "/etc/written", "/usr/local/bin/written"]);
    assert!(!touched.status.success(), "the backend can write to its root filesystem");
    stack.composed(&["exec", "-T", "backend", "touch", "/data/written", "/tmp/written"]);

    let dataset = upload(&stack).await;
    assert_eq!(dataset["rows"], 344);
    let dataset_url = stack.url("BACKEND_PORT", &format!("/api/v1/datasets/{}", dataset["id"].as_str().expect("id")));

    let targets = await_answer(&stack.url("PROMETHEUS_PORT", "/api/v1/targets"), Duration::from_secs(60), |_, text| {
        let targets: Value = serde_json::from_str(text).unwrap_or_default();
        let targets = targets["data"]["activeTargets"].as_array().cloned().unwrap_or_default();
        !targets.is_empty() && targets.iter().all(|target| target["health"] == "up")
    })
    .await;
    let targets: Value = serde_json::from_str(&targets).expect("JSON");
    let backend = targets["data"]["activeTargets"].as_array().into_iter().flatten();
    let backend: Vec<_> = backend.filter(|target| target["labels"]["job"] == "backend").collect();
    assert_eq!(backend.len(), 1);
    assert_eq!(backend[0]["scrapeInterval"], "5s");

    await_answer(&stack.url("LOKI_PORT", "/metrics"), Duration::from_secs(30), |_, text| logs_arrived(text)).await;

    let password = grafana_password(&stack);
    assert_eq!(password.len(), 24);
    assert_eq!(grafana_login(&stack, None).await, StatusCode::UNAUTHORIZED);
    assert_eq!(grafana_login(&stack, Some("admin")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(grafana_login(&stack, Some(&password)).await, StatusCode::OK);
    let others = stack.compose(&["exec", "-T", "--user", "65534", "grafana", "cat", "/run/grafana-password/password"]);
    assert!(!others.status.success(), "the password can be read by other users");
    assert!(!stack.composed(&["logs", "grafana-password"]).contains(&password));

    let token = webhook_token(&stack, "backend");
    assert_eq!((token.len(), webhook_token(&stack, "alertmanager")), (40, token.clone()));
    for file in ["/run/webhook-token/token", "/run/alertmanager/alertmanager.yml"] {
        let others = stack.compose(&["exec", "-T", "--user", "1234:1234", "alertmanager", "cat", file]);
        assert!(!others.status.success(), "{file} can be read by other users");
    }
    assert!(!stack.composed(&["logs", "webhook-token", "alertmanager", "backend"]).contains(&token));
    // Once through all of it: an alert that Alertmanager is given is kept by the backend.
    let alert = serde_json::json!([{"labels": {"alertname": "Sent", "job": "test", "severity": "critical"}}]);
    let sent = client().post(stack.url("ALERTMANAGER_PORT", "/api/v2/alerts")).json(&alert).send().await;
    assert!(sent.expect("an answer").status().is_success());
    let alerts = stack.url("BACKEND_PORT", "/api/v1/alerts");
    await_answer(&alerts, Duration::from_secs(60), |_, text| text.contains("\"Sent\"")).await;

    // Gone and made again from the volumes alone.
    stack.composed(&["down", "--timeout", "20"]);
    assert_eq!(stack.left("container"), 0);
    stack.up(&[]);
    assert_eq!(grafana_password(&stack), password);
    assert_eq!(webhook_token(&stack, "backend"), token);
    assert_eq!(grafana_login(&stack, Some(&password)).await, StatusCode::OK);
    assert_eq!(status(&dataset_url).await, StatusCode::OK);

    stack.down_with_volumes();
    for kind in ["container", "volume", "network"] {
        assert_eq!(stack.left(kind), 0, "{kind}s are left");
    }
}

#[tokio::test]
#[ignore = "needs a Docker engine: ./run.sh test runs it"]
async fn metrics_switched_off_leave_the_stack_healthy_and_come_back() {
    let mut stack = Stack::new(&[("PROMETHEUS__ENABLED", "false")]);
    stack.up(&[]);
    assert_eq!(status(&stack.url("BACKEND_PORT", "/metrics")).await, StatusCode::NOT_FOUND);
    let dataset = upload(&stack).await;
    let dataset_url = stack.url("BACKEND_PORT", &format!("/api/v1/datasets/{}", dataset["id"].as_str().expect("id")));

    stack.set("PROMETHEUS__ENABLED", "true");
    stack.up(&["backend"]);
    assert_eq!(status(&stack.url("BACKEND_PORT", "/metrics")).await, StatusCode::OK);
    assert_eq!(status(&dataset_url).await, StatusCode::OK);
}

/// What render.sh makes of the settings in Alertmanager's own container, in the shell that the original image has.
fn rendered(stack: &Stack, command: &str) -> std::process::Output {
    let shell = "$(if command -v busybox >/dev/null; then echo busybox sh; else echo sh; fi)";
    let script = format!("{shell} /etc/alertmanager/render.sh files /run/alertmanager && {command}");
    stack.compose(&["run", "--rm", "-T", "--entrypoint", "sh", "alertmanager", "-c", &script])
}

#[test]
#[ignore = "needs a Docker engine: ./run.sh test runs it"]
fn a_receiver_by_halves_is_refused_by_the_container() {
    let mut stack = Stack::new(&[("ALERTMANAGER_SLACK_CHANNEL", "#ops")]);
    let refused = rendered(&stack, "true");
    let said = String::from_utf8_lossy(&refused.stderr) + String::from_utf8_lossy(&refused.stdout);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("ALERTMANAGER_SLACK_API_URL: found nothing, expected the URL of"), "{said}");

    stack.set("ALERTMANAGER_SLACK_API_URL", "https://hooks.slack.test/secret");
    let folder = "cd /run/alertmanager && cat alertmanager.yml secrets/slack_api_url && /bin/amtool check-config alertmanager.yml";
    let taken = rendered(&stack, folder);
    let said = String::from_utf8_lossy(&taken.stdout);
    assert!(taken.status.success(), "{said}{}", String::from_utf8_lossy(&taken.stderr));
    assert!(said.contains("- api_url_file: '/run/alertmanager/secrets/slack_api_url'"), "{said}");
    assert!(said.contains("\nhttps://hooks.slack.test/secret"), "{said}");
}

#[tokio::test]
#[ignore = "needs a Docker engine: ./run.sh test runs it"]
async fn the_postgres_profile_serves_the_backend() {
    let stack = Stack::new(&[
        ("COMPOSE_PROFILES", "postgres"),
        ("POSTGRES_PASSWORD", "long and unusual: 7Qe"),
        ("DATABASE__URL", "postgres://belfry:long%20and%20unusual%3A%207Qe@postgres/belfry"),
        ("GRAFANA_ADMIN_PASSWORD", "chosen by hand"),
    ]);
    stack.up(&["backend", "postgres", "grafana"]);
    assert_eq!(upload(&stack).await["rows"], 344);
    let rows = stack.composed(&[
        "exec",
        "-T",
        "postgres",
        "psql",
        "-h",
        "/run/postgresql",
        "-U",
        "belfry",
        "-tAc",
        "SELECT count(*) FROM datasets",
    ]);
    assert_eq!(rows.trim(), "1", "the upload is not in PostgreSQL");
    assert_eq!(grafana_login(&stack, Some("chosen by hand")).await, StatusCode::OK);
}

#[test]
#[ignore = "needs a Docker engine: ./run.sh test runs it"]
fn no_probe_is_green_where_its_server_does_not_run() {
    let stack = Stack::new(&[("POSTGRES_PASSWORD", "unused")]);
    let config = stack.config(&["--profile", "*"]);
    for (service, settings) in config["services"].as_object().expect("services") {
        let Some(probe) = settings["healthcheck"]["test"].as_array() else { continue };
        let probe: Vec<&str> = probe.iter().filter_map(Value::as_str).collect();
        assert_eq!(probe[0], "CMD", "{service}: {probe:?}");
        let mut arguments = vec!["--profile", "*", "run", "--rm", "--no-deps", "-T", "--entrypoint", probe[1], service];
        arguments.extend(&probe[2..]);
        let output = stack.compose(&arguments);
        let code = output.status.code();
        let standard_error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{service}: {probe:?} is green without its server");
        // 125 to 127: the probe itself could not be run, which proves nothing.
        assert!(code.is_some_and(|code| code < 125), "{service}: {probe:?} {code:?} {standard_error}");
    }
}
