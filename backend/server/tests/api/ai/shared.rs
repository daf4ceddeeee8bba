//! Who asks at the same time, goes away meanwhile, or has to wait.

use std::time::Duration;

use belfry_test_support::ai_provider::TEXT;
use belfry_test_support::eventually;
use reqwest::StatusCode;
use serde_json::Value;

use super::{TABLE, World, assert_calls, describe, text_of};
use crate::api::support::runs::upload;
use crate::api::support::server::{PATIENCE, problem};

const OPERATION: &str = "describe_dataset";

#[tokio::test]
async fn who_asks_at_the_same_time_pays_once() {
    let world = World::new().await;
    let server = world.start(&[]).await;
    let id = upload(&server, TABLE).await;
    world.provider.hold();
    let path = format!("{}/api/v1/datasets/{id}/describe?again=true", server.url);
    let requests = (0..5).map(|_| async { text_of(server.client.post(&path).send().await.unwrap()).await });
    let release = async {
        world.provider.await_asked(1).await;
        // All five are there, and none has its answer.
        let open = r#"http_requests_in_progress{method="POST",endpoint="/api/v1/datasets/{id}/describe"}"#;
        server.await_metric(open, 5.0).await;
        world.provider.release();
    };
    let (texts, ()) = tokio::join!(futures::future::join_all(requests), release);
    assert!(texts.iter().all(|text| text == &texts[0] && text["is_new"] == true), "{texts:?}");
    assert_calls(&server, OPERATION, &["ok"]).await;
}

#[tokio::test]
async fn servers_on_one_database_pay_once() {
    let world = World::new().await;
    let server = world.start(&[]).await;
    let id = upload(&server, TABLE).await;
    let other = server.beside();
    world.provider.hold();
    let release = async {
        world.provider.await_asked(1).await;
        let open = r#"http_requests_in_progress{method="POST",endpoint="/api/v1/datasets/{id}/describe"}"#;
        server.await_metric(open, 1.0).await;
        other.await_metric(open, 1.0).await;
        world.provider.release();
    };
    let (here, there, ()) = tokio::join!(describe(&server, &id), describe(&other, &id), release);
    assert_eq!(text_of(here).await, text_of(there).await);
    assert_eq!(world.provider.asked().len(), 1);
}

#[tokio::test]
async fn a_claim_of_a_server_that_died_passes() {
    let world = World::new().await;
    let server = world.start(&[]).await;
    let id = upload(&server, TABLE).await;
    let claim = "UPDATE datasets SET describing_until = $1 WHERE id = $2";
    let soon = std::time::SystemTime::now() + Duration::from_secs(1);
    let soon = soon.duration_since(std::time::UNIX_EPOCH).unwrap().as_micros() as i64;
    sqlx::query(claim).bind(soon).bind(&id).execute(&server.database().await).await.unwrap();
    assert_eq!(text_of(describe(&server, &id).await).await["text"], TEXT);
    let left = "SELECT describing_until FROM datasets WHERE id = $1";
    let left: Option<i64> = sqlx::query_scalar(left).bind(&id).fetch_one(&server.database().await).await.unwrap();
    assert_eq!(left, None);
}

#[tokio::test]
async fn a_text_is_stored_when_its_client_has_gone() {
    let world = World::new().await;
    let server = world.start(&[]).await;
    let id = upload(&server, TABLE).await;
    world.provider.hold();
    let asking = tokio::time::timeout(Duration::from_millis(500), describe(&server, &id));
    assert!(asking.await.is_err());
    world.provider.await_asked(1).await;
    let gone = r#"http_requests_total{method="POST",endpoint="/api/v1/datasets/{id}/describe",status="499"}"#;
    server.await_metric(gone, 1.0).await;
    world.provider.release();
    let path = format!("/api/v1/datasets/{id}");
    eventually("the text is stored", PATIENCE, async || {
        let description = server.json(&path).await["description"]["text"].clone();
        if description == TEXT { Ok(()) } else { Err(description.to_string()) }
    })
    .await;
    assert_calls(&server, OPERATION, &["ok"]).await;
}

#[tokio::test]
async fn no_more_calls_than_allowed_are_made_at_once() {
    let world = World::new().await;
    let server = world.start(&[("AI__CONCURRENCY", "2"), ("AI__WAIT", "2s")]).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(upload(&server, TABLE).await);
    }
    world.provider.hold();
    let requests = ids.iter().map(|id| async {
        let response = describe(&server, id).await;
        if response.status() == StatusCode::OK {
            return Ok(text_of(response).await);
        }
        assert_eq!(response.headers()["retry-after"], "5");
        problem(response, StatusCode::SERVICE_UNAVAILABLE, "ai_busy").await;
        Err(())
    });
    let release = async {
        world.provider.await_asked(2).await;
        // Two have waited in vain.
        let busy = r#"http_requests_total{method="POST",endpoint="/api/v1/datasets/{id}/describe",status="503"}"#;
        server.await_metric(busy, 2.0).await;
        world.provider.release();
    };
    let (answers, ()): (Vec<Result<Value, ()>>, ()) = tokio::join!(futures::future::join_all(requests), release);
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 2, "{answers:?}");
    assert_eq!(world.provider.most_at_once(), 2);
    assert_calls(&server, OPERATION, &["ok", "ok"]).await;
}

#[tokio::test]
async fn a_call_that_a_shutdown_cuts_off_is_settled() {
    let world = World::new().await;
    let mut server = world.start(&[("SERVER__SHUTDOWN_GRACE", "3s")]).await;
    let id = upload(&server, TABLE).await;
    world.provider.hold();
    let asking = server.client.post(format!("{}/api/v1/datasets/{id}/describe", server.url)).send();
    let asking = tokio::spawn(asking);
    world.provider.await_asked(1).await;
    assert_eq!(server.stop().await, Some(0));
    let _ = asking.await;
    assert_eq!(super::ledger(&server, OPERATION).await, ["cancelled"]);
}

#[tokio::test]
async fn a_call_that_waits_is_not_begun_in_a_shutdown() {
    let world = World::new().await;
    let mut server = world.start(&[("AI__CONCURRENCY", "1"), ("SERVER__SHUTDOWN_GRACE", "20s")]).await;
    let ids = [upload(&server, TABLE).await, upload(&server, TABLE).await];
    world.provider.hold();
    let asking = ids.map(|id| {
        let path = format!("{}/api/v1/datasets/{id}/describe", server.url);
        tokio::spawn(server.client.post(path).send())
    });
    world.provider.await_asked(1).await;
    let open = r#"http_requests_in_progress{method="POST",endpoint="/api/v1/datasets/{id}/describe"}"#;
    server.await_metric(open, 2.0).await;
    let address = server.url.trim_start_matches("http://").to_owned();
    let release = async {
        eventually("the server stops", PATIENCE, async || match tokio::net::TcpStream::connect(&address).await {
            Ok(_) => Err("it still listens".to_owned()),
            Err(_) => Ok(()),
        })
        .await;
        world.provider.release();
    };
    let (ended, ()) = tokio::join!(server.stop(), release);
    assert_eq!(ended, Some(0));
    let mut statuses = Vec::new();
    for asking in asking {
        statuses.push(asking.await.unwrap().unwrap().status());
    }
    statuses.sort();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE]);
    assert_eq!(world.provider.asked().len(), 1);
}

#[tokio::test]
async fn who_waits_for_a_dataset_that_is_removed_is_told() {
    let world = World::new().await;
    let server = world.start(&[]).await;
    let id = upload(&server, TABLE).await;
    let claim = "UPDATE datasets SET describing_until = $1 WHERE id = $2";
    let database = server.database().await;
    sqlx::query(claim).bind(i64::MAX).bind(&id).execute(&database).await.unwrap();
    let remove = async {
        let open = r#"http_requests_in_progress{method="POST",endpoint="/api/v1/datasets/{id}/describe"}"#;
        server.await_metric(open, 1.0).await;
        sqlx::query("DELETE FROM datasets WHERE id = $1").bind(&id).execute(&database).await.unwrap();
    };
    let (response, ()) = tokio::join!(tokio::time::timeout(PATIENCE, describe(&server, &id)), remove);
    problem(response.expect("it does not wait for the claim"), StatusCode::NOT_FOUND, "not_found").await;
}
