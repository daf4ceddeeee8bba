//! A real S3 server over a folder, in the test's own process.

use std::net::SocketAddr;

use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tempfile::TempDir;
use tokio::net::TcpListener;

const KEY_ID: &str = "belfry-test";
const SECRET: &str = "not-a-secret";

/// The server; its objects are the files below `folder`.
pub struct S3 {
    /// One folder a bucket.
    pub folder: TempDir,
    address: SocketAddr,
}

impl S3 {
    /// Starts a server with the bucket `bucket`.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bucket")).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, service));
        Self { folder, address }
    }

    /// The settings by which Belfry finds it.
    pub fn settings(&self) -> [(&'static str, String); 4] {
        [
            ("STORAGE__URL", "s3://bucket/some/prefix".to_owned()),
            ("STORAGE__ENDPOINT", format!("http://{}", self.address)),
            ("STORAGE__ACCESS_KEY_ID", KEY_ID.to_owned()),
            ("STORAGE__SECRET_ACCESS_KEY", SECRET.to_owned()),
        ]
    }
}

async fn serve(listener: TcpListener, service: S3Service) {
    while let Ok((socket, _)) = listener.accept().await {
        let service = service.clone();
        tokio::spawn(async move {
            let connection = hyper_util::server::conn::auto::Builder::new(hyper_util::rt::TokioExecutor::new());
            // A client that closes its connection is no failure.
            let _ = connection.serve_connection(TokioIo::new(socket), service).await;
        });
    }
}
