//! `./run.sh` where an engine answers: up, the switch off and on, and down.

use reqwest::StatusCode;

use super::stack::Stack;
use super::{status, upload};

#[tokio::test]
#[ignore = "needs a Docker engine: ./run.sh test runs it"]
async fn run_sh_starts_switches_and_stops_the_containers() {
    let mut stack = Stack::new(&[
        ("COMPOSE_PROFILES", "postgres"),
        ("POSTGRES_PASSWORD", "unusual"),
        ("DATABASE__URL", "postgres://belfry:unusual@postgres/belfry"),
    ]);
    let printed = stack.run_script(&["up"]);
    let backend = stack.url("BACKEND_PORT", "");
    for expected in
        ["Belfry runs in containers", backend.as_str(), "docker compose exec grafana", "Alertmanager sends to: backend"]
    {
        assert!(printed.contains(expected), "no {expected:?} in {printed}");
    }
    let dataset = upload(&stack).await;
    let dataset_url = stack.url("BACKEND_PORT", &format!("/api/v1/datasets/{}", dataset["id"].as_str().expect("id")));
    assert!(stack.run_script(&["status"]).contains("postgres"), "a part is missing");

    stack.set("PROMETHEUS__ENABLED", "false");
    stack.run_script(&["up"]);
    assert_eq!(status(&stack.url("BACKEND_PORT", "/metrics")).await, StatusCode::NOT_FOUND);
    stack.set("PROMETHEUS__ENABLED", "true");
    stack.run_script(&["up"]);
    assert_eq!(status(&stack.url("BACKEND_PORT", "/metrics")).await, StatusCode::OK);
    assert_eq!(status(&dataset_url).await, StatusCode::OK);

    // From another shell, in which the profile is not named.
    stack.unset("COMPOSE_PROFILES");
    assert!(stack.run_script(&["down"]).contains("Data is kept"));
    assert_eq!(stack.left("container"), 0);
    assert_eq!(stack.left("network"), 0);
    assert!(stack.left("volume") > 0);
}
