//! `belfry demo`: realistic, bounded traffic against a running server, over its API alone.
//!
//! The actions and their weights are in `action_mix.rs`, their code in `uploads.rs`, `runs.rs`, `reads.rs` and `billing.rs`, the datasets in
//! `samples.rs`, what the demo has created on the server in `inventory.rs`, and the responses in `response_counts.rs`.

mod action_mix;
mod api;
mod billing;
mod inventory;
mod progress;
mod reads;
mod response_counts;
mod runs;
mod samples;
mod uploads;

use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::bail;
use belfry_telemetry::{settings, shutdown_signal};
use clap::Args;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use action_mix::{Action, ActionMix};
use api::{Api, ApiResponse};
use billing::Provider;
use inventory::Inventory;
use progress::Progress;
use response_counts::ResponseCounts;
use samples::Samples;

/// Actions in flight at the same time; when the server is slower than `--rate`, the demo slows down with it.
const IN_FLIGHT: usize = 8;

/// How long actions in flight may go on when the time is up, and when the demo was interrupted.
const GRACE: Duration = Duration::from_secs(15);
const INTERRUPTED_GRACE: Duration = Duration::from_secs(3);

/// What the demo sends, and where to.
#[derive(Args)]
pub struct DemoArguments {
    /// The server's address.
    #[arg(long, default_value = "http://127.0.0.1:8000")]
    url: String,
    /// How long to go on, such as 60s or 10m.
    #[arg(long = "for", default_value = "60s", value_name = "DURATION", value_parser = settings::duration)]
    duration: Duration,
    /// Actions a second, from 0.1 to 50; the demo opens with 15 more, so that each area has data early.
    #[arg(long, default_value = "5", value_parser = rate)]
    rate: f64,
    /// Folder with the shipped CSV files [default: ./data, else the copies inside this program].
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// File with a key of all scopes, for a server with AUTH__MODE=keys [default: the one that BELFRY_KEY_FILE names, or AUTH__ADMIN_KEY_FILE].
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Makes the choice of actions repeatable [default: random, and shown at the end].
    #[arg(long)]
    seed: Option<u64>,
    /// Sends billing events as well, signed with BILLING__WEBHOOK_SECRET. They stay in the server's ledger.
    #[arg(long)]
    billing: bool,
}

/// What the actions share.
struct Demo {
    api: Api,
    // None without --billing.
    billing: Option<Provider>,
    samples: Samples,
    inventory: Mutex<Inventory>,
    response_counts: Mutex<ResponseCounts>,
    // Requests so far for something that does not exist.
    missing_requests: AtomicUsize,
    // Cancelled when actions are to stop waiting for the end of runs.
    stop_waiting: CancellationToken,
}

/// Runs the demo. An error when the server cannot be used or a response was not the expected one.
pub async fn run(arguments: DemoArguments) -> anyhow::Result<()> {
    let samples = Samples::load(arguments.data.as_deref())?;
    let billing = arguments.billing.then(Provider::from_env).transpose()?;
    let named = ["BELFRY_KEY_FILE", "AUTH__ADMIN_KEY_FILE"]
        .into_iter()
        .filter_map(std::env::var_os)
        .find(|file| !file.is_empty());
    let key_file = arguments.key_file.clone().or_else(|| named.map(PathBuf::from));
    let api = Api::new(&arguments.url, key_file.as_deref())?;
    api.require_belfry().await?;
    let seed = arguments.seed.unwrap_or_else(rand::random);
    let demo = Arc::new(Demo {
        api,
        samples,
        inventory: Mutex::new(Inventory::new(billing.is_some())),
        billing,
        response_counts: Mutex::default(),
        missing_requests: AtomicUsize::new(0),
        stop_waiting: CancellationToken::new(),
    });

    let started = Instant::now();
    let mut tasks = JoinSet::new();
    let mut rng = StdRng::seed_from_u64(seed);
    let (first, mut opening_rng) = (demo.clone(), rng.fork());
    tasks.spawn(async move { open(&first, &mut opening_rng).await });
    let interrupted = tokio::select! {
        () = shutdown_signal() => true,
        () = schedule_actions(&demo, &arguments, rng, &mut tasks) => false,
    };

    let grace = if interrupted { INTERRUPTED_GRACE } else { GRACE };
    finish(&demo, tasks, grace).await;
    let counts = demo.response_counts();
    println!("\nBelfry demo: {:.0} s against {}, seed {seed}\n", started.elapsed().as_secs_f64(), arguments.url);
    print!("{counts}");
    match counts.unexpected() {
        0 => Ok(()),
        unexpected => bail!("{unexpected} of {} responses were not the expected ones", counts.total()),
    }
}

/// Starts actions at the given rate until the time is up.
async fn schedule_actions(demo: &Arc<Demo>, arguments: &DemoArguments, mut rng: StdRng, tasks: &mut JoinSet<()>) {
    let slots = Arc::new(Semaphore::new(IN_FLIGHT));
    let mut ticks = interval(Duration::from_secs_f64(1.0 / arguments.rate));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut progress = Progress::start(arguments.duration);
    let mut mix = ActionMix::default();
    let end = sleep_until(Instant::now() + arguments.duration);
    tokio::pin!(end);
    loop {
        let slot = tokio::select! {
            () = &mut end => return,
            slot = async { ticks.tick().await; slots.clone().acquire_owned().await } => slot,
        };
        let action = mix.next_action(&demo.inventory(), &demo.samples, &mut rng);
        let (demo, mut action_rng) = (demo.clone(), rng.fork());
        progress.show(&demo.response_counts());
        tasks.spawn(async move {
            action.perform(&demo, &mut action_rng).await;
            drop(slot);
        });
        // Those that ended need not be kept.
        while tasks.try_join_next().is_some() {}
    }
}

/// One of everything that a dashboard shows, so that each area has data within the first minute, whatever the rate.
async fn open(demo: &Demo, rng: &mut StdRng) {
    billing::open(demo).await;
    for (name, form) in [
        ("penguins.csv", uploads::Form::Multipart),
        ("diabetes.csv", uploads::Form::Raw),
        ("iris.csv", uploads::Form::Gzip),
    ] {
        uploads::good(demo, demo.samples.by_name(name), form).await;
    }
    for action in [Action::UploadShortLived, Action::UploadBad, Action::RequestMissing, Action::RunCleanup] {
        action.perform(demo, rng).await;
    }
    let mut rngs = [rng.fork(), rng.fork(), rng.fork(), rng.fork()];
    let [boosting, forest, logistic, elastic] = &mut rngs;
    tokio::join!(
        Action::TrainBoosting.perform(demo, boosting),
        Action::TrainForest.perform(demo, forest),
        Action::TrainLogistic.perform(demo, logistic),
        Action::TrainElasticNet.perform(demo, elastic),
    );
    for action in [Action::Predict, Action::PredictBadly, Action::DownloadModel, Action::TrainBadly] {
        if action.is_possible(&demo.inventory(), &demo.samples) {
            action.perform(demo, rng).await;
        }
    }
}

/// Lets actions in flight end, at most for `grace`.
async fn finish(demo: &Demo, mut tasks: JoinSet<()>, grace: Duration) {
    let all_ended = async { while tasks.join_next().await.is_some() {} };
    let ended_in_time = tokio::select! {
        ended = timeout(grace, all_ended) => ended.is_ok(),
        () = shutdown_signal() => false,
    };
    if !ended_in_time {
        // Actions that follow a run now record that it was still in flight; all others are cut off.
        demo.stop_waiting.cancel();
        let _ = timeout(Duration::from_secs(1), async { while tasks.join_next().await.is_some() {} }).await;
    }
}

impl Demo {
    fn inventory(&self) -> MutexGuard<'_, Inventory> {
        self.inventory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn response_counts(&self) -> MutexGuard<'_, ResponseCounts> {
        self.response_counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a response and says whether its status is one of those the action was to provoke.
    fn count_response(&self, action: &'static str, response: &ApiResponse, expected: &[u16]) -> bool {
        self.response_counts().count_response(action, response, expected)
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.1..=50.0).contains(&rate) => Ok(rate),
        _ => Err("a number from 0.1 to 50".to_owned()),
    }
}
