//! `belfry demo`: realistic, bounded traffic against a running server, over its API alone.
//!
//! What can be done stands in `deck.rs`, how it is done in `uploads.rs`, `runs.rs` and `reads.rs`; the datasets are in
//! `samples.rs`, what the demo has made on the server in `made.rs`, and what came back in `tally.rs`.

mod api;
mod deck;
mod made;
mod progress;
mod reads;
mod runs;
mod samples;
mod tally;
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

use api::{Answer, Api};
use deck::{Action, Deck};
use made::Made;
use progress::Progress;
use samples::Samples;
use tally::Tally;

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
    /// Makes the choice of actions repeatable [default: random, and shown at the end].
    #[arg(long)]
    seed: Option<u64>,
}

/// What the actions share.
struct Demo {
    api: Api,
    samples: Samples,
    made: Mutex<Made>,
    tally: Mutex<Tally>,
    // How often something that is not there was asked for.
    missing_asked_for: AtomicUsize,
    // Cancelled when nobody waits for a run's end any more.
    patience: CancellationToken,
}

/// Runs the demo. An error when the server cannot be used or an answer was not the expected one.
pub async fn run(arguments: DemoArguments) -> anyhow::Result<()> {
    let samples = Samples::load(arguments.data.as_deref())?;
    let api = Api::new(&arguments.url)?;
    api.require_belfry().await?;
    let seed = arguments.seed.unwrap_or_else(rand::random);
    let demo = Arc::new(Demo {
        api,
        samples,
        made: Mutex::default(),
        tally: Mutex::default(),
        missing_asked_for: AtomicUsize::new(0),
        patience: CancellationToken::new(),
    });

    let started = Instant::now();
    let mut tasks = JoinSet::new();
    let mut rng = StdRng::seed_from_u64(seed);
    let (first, mut opening_rng) = (demo.clone(), rng.fork());
    tasks.spawn(async move { open(&first, &mut opening_rng).await });
    let interrupted = tokio::select! {
        () = shutdown_signal() => true,
        () = deal(&demo, &arguments, rng, &mut tasks) => false,
    };

    let grace = if interrupted { INTERRUPTED_GRACE } else { GRACE };
    finish(&demo, tasks, grace).await;
    let tally = demo.tally();
    println!("\nBelfry demo: {:.0} s against {}, seed {seed}\n", started.elapsed().as_secs_f64(), arguments.url);
    print!("{tally}");
    match tally.unexpected() {
        0 => Ok(()),
        unexpected => bail!("{unexpected} of {} answers were not the expected ones", tally.total()),
    }
}

/// Deals actions at the asked rate until the time is up.
async fn deal(demo: &Arc<Demo>, arguments: &DemoArguments, mut rng: StdRng, tasks: &mut JoinSet<()>) {
    let slots = Arc::new(Semaphore::new(IN_FLIGHT));
    let mut ticks = interval(Duration::from_secs_f64(1.0 / arguments.rate));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut progress = Progress::start(arguments.duration);
    let mut deck = Deck::default();
    let end = sleep_until(Instant::now() + arguments.duration);
    tokio::pin!(end);
    loop {
        let slot = tokio::select! {
            () = &mut end => return,
            slot = async { ticks.tick().await; slots.clone().acquire_owned().await } => slot,
        };
        let action = deck.draw(&demo.made(), &demo.samples, &mut rng);
        let (demo, mut action_rng) = (demo.clone(), rng.fork());
        progress.show(&demo.tally());
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
    for (name, form) in [
        ("penguins.csv", uploads::Form::Multipart),
        ("diabetes.csv", uploads::Form::Raw),
        ("iris.csv", uploads::Form::Gzip),
    ] {
        uploads::good(demo, demo.samples.by_name(name), form).await;
    }
    for action in [Action::UploadShortLived, Action::UploadBad, Action::AskForNothing, Action::RunCleanup] {
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
        if action.is_possible(&demo.made(), &demo.samples) {
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
        // Followers of runs now note that they gave up; anything else is cut off.
        demo.patience.cancel();
        let _ = timeout(Duration::from_secs(1), async { while tasks.join_next().await.is_some() {} }).await;
    }
}

impl Demo {
    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an answer and says whether its status is one of those the action was to provoke.
    fn count_answer(&self, action: &'static str, answer: &Answer, expected: &[u16]) -> bool {
        self.tally().count_answer(action, answer, expected)
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.1..=50.0).contains(&rate) => Ok(rate),
        _ => Err("a number from 0.1 to 50".to_owned()),
    }
}
