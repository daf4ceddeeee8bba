//! Large uploads: the same memory at any size.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Body;
use sha2::{Digest, Sha256};

use crate::api::support::server::Server;
use crate::api::support::uploads::{
    TABLE, Table, forget_peak, generated, generated_table, peak_bytes, post, resident_bytes, stored, upload,
};

#[tokio::test]
async fn memory_does_not_grow_with_the_upload() {
    let server = Server::start().await;
    let (idle, most) = upload_watched(&server, generated(256 << 20), 256 << 20).await;
    assert!(most < idle + (64 << 20), "{} MiB idle, {} MiB during the upload", idle >> 20, most >> 20);
}

#[tokio::test]
async fn a_long_record_takes_no_more_than_twice_its_size() {
    const LONGEST: usize = 32 << 20;
    let server = Server::start_with(&[("UPLOAD__MAX_RECORD_BYTES", "32MiB")]).await;
    upload(&server, "", TABLE).await;
    let idle = resident_bytes(server.pid());
    forget_peak(server.pid());
    // A field that is no longer than allowed, in pieces.
    let piece = Bytes::from("0123456789abcde\n".repeat(1 << 12));
    let pieces = [Bytes::from_static(b"a,b\n1,\""), Bytes::from_static(b"\"\n")];
    let field = std::iter::repeat_n(piece.clone(), LONGEST / piece.len() - 1);
    let body = std::iter::once(pieces[0].clone()).chain(field).chain(std::iter::once(pieces[1].clone()));
    let body = Body::wrap_stream(futures::stream::iter(body.map(Ok::<_, std::io::Error>)));
    let dataset = stored(post(&server, "").header("content-type", "text/csv").body(body).send().await.unwrap()).await;
    assert_eq!(dataset["rows"], 1);
    let most = peak_bytes(server.pid());
    assert!(most < idle + 2 * LONGEST as u64, "{} MiB idle, {} MiB during the upload", idle >> 20, most >> 20);
}

/// Prints memory and speed: `cargo test --release -p belfry --test server one_gibibyte -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "long: ./run.sh test long runs it; takes four gibibytes of disk, and minutes without optimisation"]
async fn one_gibibyte_is_taken_in_the_same_memory() {
    let server = Server::start().await;
    let size_bytes = 1 << 30;
    for table in [Table::Numbers, Table::QuotedNumbers, Table::QuotedTexts] {
        let started = Instant::now();
        let (idle, most) = upload_watched(&server, generated_table(table, size_bytes), size_bytes).await;
        let upload = started.elapsed().as_secs_f64();
        let after = resident_bytes(server.pid());
        let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        println!(
            "{table:?}: resident: {:.1} MiB before, at most {:.1} MiB during, {:.1} MiB after",
            mebibytes(idle),
            mebibytes(most),
            mebibytes(after)
        );
        let path = server.folder.path().join("compared");
        let started = Instant::now();
        hash_and_write(&path, table, size_bytes);
        let compared = started.elapsed().as_secs_f64();
        std::fs::remove_file(path).unwrap();
        let speed = |seconds: f64| size_bytes as f64 / 1e6 / seconds;
        println!("upload: {:.0} MB/s; hashing and writing the same: {:.0} MB/s", speed(upload), speed(compared));
        assert!(most < idle + (64 << 20));
    }
}

/// What an upload is measured against: one thread that hashes and writes the same bytes, durably.
fn hash_and_write(path: &Path, table: Table, bytes: usize) {
    let mut file = std::fs::File::create_new(path).unwrap();
    let mut hasher = Sha256::new();
    for piece in table.pieces(bytes) {
        hasher.update(&piece);
        file.write_all(&piece).unwrap();
    }
    assert_ne!(hasher.finalize().as_slice(), [0; 32]);
    file.sync_all().unwrap();
}

/// Uploads and returns the server's memory before, and the most of it meanwhile.
async fn upload_watched(server: &Server, body: Body, bytes: usize) -> (u64, u64) {
    // Once for what is only ever set up once.
    upload(server, "", TABLE).await;
    let idle = resident_bytes(server.pid());
    let sending = post(server, "").timeout(Duration::from_secs(600)).body(body).send();
    let mut sending = std::pin::pin!(sending);
    let mut most = idle;
    let response = loop {
        tokio::select! {
            response = &mut sending => break response.unwrap(),
            () = tokio::time::sleep(Duration::from_millis(10)) => most = most.max(resident_bytes(server.pid())),
        }
    };
    assert!(stored(response).await["size_bytes"].as_u64().unwrap() >= bytes as u64);
    (idle, most)
}
