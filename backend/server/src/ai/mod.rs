//! Texts about runs and datasets by a language model, through any API that is compatible with OpenAI's. The requests for them are
//! in `training/explain.rs` and `datasets/describe.rs`, which also make the data of the prompt.
//!
//! ```text
//! mod              a text: the stored one, the one that is being written, or a new one
//! flights          texts that are being written in this process
//! client           one text for one prompt: slots, tries, pauses
//! wire failure     the request, and what an answer or its lack is
//! prompt quoting   what the model is told; texts that others chose, made harmless
//! subject text     the row of a run or dataset with its text
//! span_attributes  the names of OpenTelemetry's conventions
//! ```
//!
//! And calls as money: what each costs (`ledger/`, by the prices of `prices.rs`), what may be spent (`budget/`), and what was
//! (`usage/`). The arithmetic is the crate `belfry_ledger`.

pub mod budget;
pub mod caller;
mod client;
mod failure;
mod flights;
pub mod ledger;
pub mod prices;
pub mod prompt;
mod provider;
pub mod quoting;
mod slots;
mod span_attributes;
pub mod subject;
pub mod text;
pub mod usage;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use self::client::{AiClient, Call};
use self::flights::{Flights, Written};
use self::ledger::Ledger;
use self::prompt::Prompt;
use self::subject::Subject;
use self::text::AiText;
use crate::client_call::ServiceClient;
use crate::config::AiConfig;
use crate::database::bounds::{with_background_timeout, with_request_timeout};
use crate::database::{Database, micros, now_micros, rfc3339};
use crate::error::{Error, Result, chain};
use crate::events::ai_call::TextWritten;
use crate::retry::retry_until_written;
use crate::shutdown::Shutdown;

/// How often it is looked whether another server has written a text.
const POLL: Duration = Duration::from_millis(250);

/// How long it is tried to store a text, which is paid for, while the database is away.
const STORE_PATIENCE: Duration = Duration::from_secs(60);

/// What a claim is valid for beyond the longest call: waits for the database.
const CLAIM_SLACK: Duration = Duration::from_secs(120);

/// The texts of a model.
pub struct Ai {
    /// None: AI__ENABLED is false.
    client: Option<AiClient>,
    database: Database,
    flights: Flights,
    /// Whether values of a dataset may be sent.
    pub share_samples: bool,
    stopping: CancellationToken,
}

/// What a request for a text may say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextOptions {
    /// Whether a new text is written although there is one.
    #[serde(default)]
    pub again: bool,
}

/// The answer to a request for a text.
#[derive(Debug, Serialize)]
pub struct TextAnswer {
    /// The text.
    #[serde(flatten)]
    pub text: AiText,
    /// Whether it was written for this request, or one at the same time, and was not stored before.
    pub is_new: bool,
}

/// On whose behalf a text is asked for, and whether a stored one will do.
pub struct TextRequest {
    /// What it is to be about.
    pub subject: Subject,
    /// The user, if one is known.
    pub user_id: Option<String>,
    /// Whether a new text is written although there is one.
    pub again: bool,
}

impl Ai {
    /// The texts of these settings. The ledger is asked before each call and told after it.
    pub fn new(
        config: &AiConfig,
        http: ServiceClient,
        database: Database,
        ledger: Arc<Ledger>,
        shutdown: &Shutdown,
    ) -> Arc<Self> {
        let target = config.base_url.as_ref().zip(config.model.as_deref()).filter(|_| config.enabled);
        let client = target.map(|target| AiClient::new(config, target, http, ledger, shutdown));
        let (share_samples, stopping) = (config.share_samples, shutdown.stopping.clone());
        Arc::new(Self { client, database, flights: Flights::default(), share_samples, stopping })
    }

    /// Asks that there is a provider.
    ///
    /// # Errors
    /// 503 `ai_disabled` when AI__ENABLED is false.
    pub fn require_enabled(&self) -> Result<()> {
        self.client().map(drop)
    }

    /// The text about a subject: the stored one unless `again` is said, the one that is being written, or a new one for the prompt
    /// that `prompt` makes. However many ask at the same time, here or on other servers, the provider is asked once. A text that
    /// was begun is written to its end and stored, also if those who asked go away.
    ///
    /// # Errors
    /// `ai_disabled`, those of the prompt, of the client and of the database; 404 when the subject is removed meanwhile.
    pub async fn text<P>(self: &Arc<Self>, request: TextRequest, prompt: P) -> Result<TextAnswer>
    where
        P: Future<Output = Result<Prompt>> + Send + 'static,
    {
        self.require_enabled()?;
        let subject = request.subject.clone();
        if !request.again {
            let (stored, _) = with_request_timeout(subject.read(&self.database)).await?;
            if let Some(text) = stored {
                return Ok(TextAnswer { text, is_new: false });
            }
        }
        let ai = self.clone();
        let Written { text, is_new } =
            self.flights.join(&subject, async move { ai.write_once(request, prompt).await }).await?;
        Ok(TextAnswer { text, is_new })
    }

    /// Waits for the shutdown and then until the texts that were begun are stored, or cancelled.
    pub async fn run_until_stopped(self: Arc<Self>) -> anyhow::Result<()> {
        self.stopping.cancelled().await;
        self.flights.land().await;
        Ok(())
    }

    fn client(&self) -> Result<&AiClient> {
        self.client.as_ref().ok_or_else(|| Error::Ai {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "ai_disabled",
            detail: "AI__ENABLED is false, so that nothing writes texts here".to_owned(),
            retry_after: None,
        })
    }

    /// Writes a text, unless another server does meanwhile.
    async fn write_once<P>(&self, request: TextRequest, prompt: P) -> Result<Written>
    where
        P: Future<Output = Result<Prompt>>,
    {
        let (client, subject, asked_at) = (self.client()?, &request.subject, now_micros());
        let lifetime = client.longest() + CLAIM_SLACK;
        let (before, _) = with_background_timeout(subject.read(&self.database)).await?;
        let until = loop {
            let now = now_micros();
            let until = now.saturating_add(micros(lifetime));
            match with_background_timeout(subject.claim(&self.database, now, until)).await {
                Ok(true) => break until,
                Ok(false) => {}
                Err(error) => {
                    if !error.is_definitely_not_applied() {
                        // It may have been made all the same, and would keep everybody out until it expires.
                        self.release(subject, until).await;
                    }
                    return Err(error);
                }
            }
            // A row that is gone cannot be claimed either.
            with_background_timeout(subject.read(&self.database)).await?;
            if now.saturating_sub(asked_at) > micros(lifetime) || self.stopping.is_cancelled() {
                return Err(Error::Busy("another server writes this text".to_owned()));
            }
            self.stopping.run_until_cancelled(tokio::time::sleep(POLL)).await;
        };
        let written = self.write_claimed(client, &request, before.as_ref(), prompt).await;
        self.release(subject, until).await;
        written
    }

    async fn release(&self, subject: &Subject, until: i64) {
        if let Err(error) = with_background_timeout(subject.release(&self.database, until)).await {
            tracing::warn!(id = subject.id, cause = chain(&error), "claim on an AI text not released; it expires");
        }
    }

    async fn write_claimed<P>(
        &self,
        client: &AiClient,
        request: &TextRequest,
        before: Option<&AiText>,
        prompt: P,
    ) -> Result<Written>
    where
        P: Future<Output = Result<Prompt>>,
    {
        let subject = &request.subject;
        let (stored, _) = with_background_timeout(subject.read(&self.database)).await?;
        // Of a server that had the claim while this one waited.
        if let Some(text) = stored.filter(|text| !request.again || Some(text) != before) {
            return Ok(Written { text, is_new: true });
        }
        let prompt = prompt.await?;
        let call = Call { operation: subject.kind.operation(), user_id: request.user_id.clone(), prompt: &prompt };
        let completion = client.complete(call).await?;
        let text = AiText {
            text: completion.text,
            model: completion.model.map_or_else(|| client.model.clone(), |model| quoting::quoted_up_to(&model, 128)),
            created_at: rfc3339(now_micros()),
            is_cut: completion.is_cut,
        };
        let gives_up = |_: &Error, elapsed: Duration| elapsed >= STORE_PATIENCE || self.stopping.is_cancelled();
        let is_there =
            retry_until_written("text of the AI provider", gives_up, || subject.store(&self.database, &text)).await?;
        if !is_there {
            return Err(Error::NotFound(subject.kind.name()));
        }
        TextWritten { operation: subject.kind.operation(), id: &subject.id, size_bytes: text.text.len() }.emit();
        Ok(Written { text, is_new: true })
    }
}
