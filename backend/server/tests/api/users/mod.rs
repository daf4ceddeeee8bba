//! Users, keys and who is let in.

mod activity;
mod audit;
mod audited_changes;
mod browser;
mod canaries;
mod first_key;
mod keys;
mod limits;
mod outages;
mod routes;
mod streams;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::support::server::Server;

/// The admin key of these tests, as an operator would choose one.
const ADMIN_KEY: &str = "an-operators-own-key-of-forty-characters";

/// A file with a key, for as long as it is held.
struct KeyFile {
    _folder: TempDir,
    path: PathBuf,
}

impl KeyFile {
    fn new(text: &str, mode: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        Self { _folder: folder, path }
    }

    fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }
}

/// A server with keys, these settings, and the admin key.
async fn start_with(variables: &[(&str, &str)]) -> Server {
    let file = KeyFile::new(ADMIN_KEY, 0o600);
    let keys = [("AUTH__MODE", "keys"), ("AUTH__ADMIN_KEY_FILE", file.path())];
    // It is read at the start only.
    Server::start_with(&[&keys, variables].concat()).await
}

/// The same, with the file for further starts.
async fn start_again_with(variables: &[(&str, &str)]) -> (Server, KeyFile) {
    let file = KeyFile::new(ADMIN_KEY, 0o600);
    let keys = [("AUTH__MODE", "keys"), ("AUTH__ADMIN_KEY_FILE", file.path())];
    (Server::start_with(&[&keys, variables].concat()).await, file)
}

/// Sends a request with a key and no body.
async fn send(server: &Server, method: Method, path: &str, key: &str) -> Response {
    server.client.request(method, format!("{}{path}", server.url)).bearer_auth(key).send().await.unwrap()
}

async fn get(server: &Server, path: &str, key: &str) -> Response {
    send(server, Method::GET, path, key).await
}

async fn delete(server: &Server, path: &str) -> Response {
    send(server, Method::DELETE, path, ADMIN_KEY).await
}

/// Sends JSON with the admin key.
async fn post(server: &Server, path: &str, body: &Value) -> Response {
    server.client.post(format!("{}{path}", server.url)).bearer_auth(ADMIN_KEY).json(body).send().await.unwrap()
}

/// What a response that must have this status has in its body.
async fn body(response: Response, status: StatusCode) -> Value {
    let found = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(found, status, "{text}");
    serde_json::from_str(&text).unwrap()
}

async fn listed(server: &Server, path: &str) -> Vec<Value> {
    let page = body(get(server, path, ADMIN_KEY).await, StatusCode::OK).await;
    page["items"].as_array().unwrap().clone()
}

/// Makes a user. Returns its id.
async fn new_user(server: &Server, name: &str) -> String {
    let user = body(post(server, "/api/v1/users", &json!({ "name": name })).await, StatusCode::CREATED).await;
    user["id"].as_str().unwrap().to_owned()
}

/// A key as it was shown.
struct Key {
    id: String,
    text: String,
}

impl Key {
    fn read(shown: &Value) -> Self {
        let text = |name: &str| shown[name].as_str().unwrap_or_else(|| panic!("no {name} in {shown}")).to_owned();
        Self { id: text("id"), text: text("key") }
    }

    /// Has the database say something else of it.
    async fn change(&self, server: &Server, what: &str) {
        let statement = format!("UPDATE api_keys SET {what} WHERE id = '{}'", self.id);
        let changed = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&server.database().await).await.unwrap();
        assert_eq!(changed.rows_affected(), 1);
    }
}

/// Makes a key for a user.
async fn new_key(server: &Server, user: &str, scopes: &[&str]) -> Key {
    let wanted = json!({ "name": "test", "scopes": scopes });
    let shown = body(post(server, &format!("/api/v1/users/{user}/keys"), &wanted).await, StatusCode::CREATED).await;
    Key::read(&shown)
}
