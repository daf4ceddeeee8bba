//! Keys while the database does not answer.

use reqwest::StatusCode;

use super::{ADMIN_KEY, get, new_key, new_user, start_with};
use crate::api::support::server::problem;

#[tokio::test]
async fn without_a_database_a_key_in_use_is_taken_and_others_are_503() {
    if std::env::var("BELFRY_TEST_DATABASE_URL").is_ok() {
        // There the database is taken away in the tests of outages, for all that uses it.
        return;
    }
    let server = start_with(&[]).await;
    let user = new_user(&server, "somebody").await;
    let (used, unused) = (new_key(&server, &user, &["read"]).await, new_key(&server, &user, &["read"]).await);
    // A page that needs no database.
    let page = "/api/v1/viewer";
    assert_eq!(get(&server, page, &used.text).await.status(), StatusCode::OK);
    let (file, away) = (server.folder.path().join("belfry.db"), server.folder.path().join("away"));
    std::fs::rename(&file, &away).unwrap();
    assert_eq!(get(&server, page, &used.text).await.status(), StatusCode::OK);
    problem(get(&server, page, &unused.text).await, StatusCode::SERVICE_UNAVAILABLE, "database_unavailable").await;
    std::fs::rename(&away, &file).unwrap();
    assert_eq!(get(&server, page, &unused.text).await.status(), StatusCode::OK);
    assert_eq!(get(&server, page, ADMIN_KEY).await.status(), StatusCode::OK);
}
