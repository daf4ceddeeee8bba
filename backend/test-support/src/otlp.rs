//! A collector that speaks OTLP over gRPC and keeps the spans.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
pub use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
pub use opentelemetry_proto::tonic::trace::v1::Span;
pub use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::{PATIENCE, eventually};

/// Takes spans on a free port.
#[derive(Clone, Default)]
pub struct Collector {
    taken: Arc<Mutex<Vec<ResourceSpans>>>,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.taken.lock().unwrap().extend(request.into_inner().resource_spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    /// Starts one; returns it and its URL.
    pub async fn start() -> (Self, String) {
        let collector = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = tonic::transport::Server::builder().add_service(TraceServiceServer::new(collector.clone()));
        tokio::spawn(router.serve_with_incoming(TcpIncoming::from(listener)));
        (collector, url)
    }

    /// Everything that was sent, with the resource that sent it.
    #[must_use]
    pub fn taken(&self) -> Vec<ResourceSpans> {
        self.taken.lock().unwrap().clone()
    }

    /// Every span that was sent.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        let taken = self.taken();
        let scopes = taken.iter().flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| scope.spans.iter().cloned()).collect()
    }

    /// Waits until this many spans were sent.
    pub async fn await_spans(&self, count: usize) -> Vec<Span> {
        self.await_spans_within(count, PATIENCE).await
    }

    /// Waits no longer than `limit` until this many spans were sent.
    pub async fn await_spans_within(&self, count: usize, limit: Duration) -> Vec<Span> {
        eventually(&format!("{count} spans are sent"), limit, async || {
            let spans = self.spans();
            let names: Vec<String> = spans.iter().map(|span| span.name.clone()).collect();
            if spans.len() >= count { Ok(spans) } else { Err(format!("{names:?}")) }
        })
        .await
    }
}
