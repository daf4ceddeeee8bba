//! Which actions there are, and how often each is dealt.
//!
//! Actions come from a shuffled deck rather than by chance: each is there at least once, so nothing is left to luck for longer
//! than one deck, which is about 12 seconds at the default rate.

use belfry_learning::algorithm::Algorithm;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::Demo;
use super::made::Made;
use super::samples::Samples;
use super::{reads, runs, uploads};

/// Something a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    UploadMultipart,
    UploadRaw,
    UploadGzip,
    UploadShortLived,
    UploadBad,
    UploadHalf,
    DeleteDataset,
    ListDatasets,
    ReadDataset,
    DownloadDataset,
    TrainBoosting,
    TrainForest,
    TrainLogistic,
    TrainElasticNet,
    TrainBadly,
    CancelRun,
    CancelTooLate,
    ListRuns,
    ReadRun,
    DownloadModel,
    Predict,
    PredictBadly,
    AskForNothing,
    AskForHealth,
    AskForJobs,
    RunCleanup,
}

use Action::{
    AskForHealth, AskForJobs, AskForNothing, CancelRun, CancelTooLate, DeleteDataset, DownloadDataset, DownloadModel,
    ListDatasets, ListRuns, Predict, PredictBadly, ReadDataset, ReadRun, RunCleanup, TrainBadly, TrainBoosting,
    TrainElasticNet, TrainForest, TrainLogistic, UploadBad, UploadGzip, UploadHalf, UploadMultipart, UploadRaw,
    UploadShortLived,
};

/// How many cards of a deck show each action.
const CARDS: &[(Action, usize)] = &[
    (UploadMultipart, 4),
    (UploadRaw, 2),
    (UploadGzip, 2),
    (UploadShortLived, 2),
    (UploadBad, 4),
    (UploadHalf, 1),
    (DeleteDataset, 6),
    (ListDatasets, 4),
    (ReadDataset, 4),
    (DownloadDataset, 2),
    (TrainBoosting, 1),
    (TrainForest, 1),
    (TrainLogistic, 1),
    (TrainElasticNet, 1),
    (TrainBadly, 2),
    (CancelRun, 1),
    (CancelTooLate, 1),
    (ListRuns, 4),
    (ReadRun, 4),
    (DownloadModel, 2),
    (Predict, 6),
    (PredictBadly, 2),
    (AskForNothing, 2),
    (AskForHealth, 1),
    (AskForJobs, 1),
    (RunCleanup, 1),
];

impl Action {
    /// Whether what the demo has made lets the action provoke what it is meant to.
    pub fn is_possible(self, made: &Made, samples: &Samples) -> bool {
        match self {
            UploadMultipart | UploadRaw | UploadGzip => made.has_room(),
            DeleteDataset => made.has_surplus(),
            ReadDataset | DownloadDataset | TrainBadly => made.has_dataset(),
            TrainBoosting => made.can_train(samples, Algorithm::GradientBoosting),
            TrainForest => made.can_train(samples, Algorithm::RandomForest),
            TrainLogistic => made.can_train(samples, Algorithm::LogisticRegression),
            TrainElasticNet => made.can_train(samples, Algorithm::ElasticNet),
            CancelRun => made.may_run(),
            CancelTooLate | ReadRun | DownloadModel | Predict | PredictBadly => made.has_model(),
            UploadShortLived | UploadBad | UploadHalf | ListDatasets | ListRuns | AskForNothing | AskForHealth
            | AskForJobs | RunCleanup => true,
        }
    }

    /// Does it, and counts what came back.
    pub async fn perform(self, demo: &Demo, rng: &mut StdRng) {
        match self {
            UploadMultipart => uploads::good(demo, demo.samples.any(rng), uploads::Form::Multipart).await,
            UploadRaw => uploads::good(demo, demo.samples.any(rng), uploads::Form::Raw).await,
            UploadGzip => uploads::good(demo, demo.samples.any(rng), uploads::Form::Gzip).await,
            UploadShortLived => uploads::short_lived(demo, rng).await,
            UploadBad => uploads::bad(demo, rng).await,
            UploadHalf => uploads::half(demo, rng).await,
            DeleteDataset => uploads::delete(demo).await,
            ListDatasets => reads::list(demo, "list datasets", "/api/v1/datasets").await,
            ReadDataset => reads::dataset(demo, rng).await,
            DownloadDataset => reads::content(demo, rng).await,
            TrainBoosting => runs::train(demo, rng, Algorithm::GradientBoosting).await,
            TrainForest => runs::train(demo, rng, Algorithm::RandomForest).await,
            TrainLogistic => runs::train(demo, rng, Algorithm::LogisticRegression).await,
            TrainElasticNet => runs::train(demo, rng, Algorithm::ElasticNet).await,
            TrainBadly => runs::train_badly(demo, rng).await,
            CancelRun => runs::cancel(demo, rng).await,
            CancelTooLate => runs::cancel_too_late(demo, rng).await,
            ListRuns => reads::list(demo, "list runs", "/api/v1/runs").await,
            ReadRun => reads::run(demo, rng).await,
            DownloadModel => reads::model(demo, rng).await,
            Predict => runs::predict(demo, rng).await,
            PredictBadly => runs::predict_badly(demo, rng).await,
            AskForNothing => reads::missing(demo).await,
            AskForHealth => reads::health(demo, rng).await,
            AskForJobs => reads::jobs(demo, rng).await,
            RunCleanup => reads::run_cleanup(demo).await,
        }
    }
}

/// The cards that were not dealt yet.
#[derive(Default)]
pub struct Deck(Vec<Action>);

impl Deck {
    /// The next action that is possible. One that is not stays in the deck for later.
    pub fn draw(&mut self, made: &Made, samples: &Samples, rng: &mut StdRng) -> Action {
        let possible = |action: &Action| action.is_possible(made, samples);
        if !self.0.iter().any(possible) {
            self.0.extend(CARDS.iter().flat_map(|(action, count)| std::iter::repeat_n(*action, *count)));
            self.0.shuffle(rng);
        }
        match self.0.iter().rposition(possible) {
            Some(at) => self.0.remove(at),
            // Not reached: a full deck has cards that are always possible.
            None => ListRuns,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_deck_deals_every_action_before_it_is_shuffled() {
        let samples = Samples::load(None).unwrap();
        let mut made = Made::default();
        for sample in ["iris.csv", "diabetes.csv", "iris.csv", "iris.csv", "iris.csv", "iris.csv", "iris.csv"] {
            made.stored(sample.to_owned(), sample);
        }
        made.completed("a run".to_owned(), "iris.csv");
        let mut rng = StdRng::seed_from_u64(1);
        let mut deck = Deck::default();
        let cards: usize = CARDS.iter().map(|(_, count)| count).sum();
        let dealt: Vec<Action> = (0..cards).map(|_| deck.draw(&made, &samples, &mut rng)).collect();
        for (action, count) in CARDS {
            assert_eq!(dealt.iter().filter(|dealt| *dealt == action).count(), *count, "{action:?}");
        }
    }

    #[test]
    fn with_nothing_made_only_what_needs_nothing_is_dealt() {
        let samples = Samples::load(None).unwrap();
        let (mut deck, mut rng) = (Deck::default(), StdRng::seed_from_u64(1));
        for _ in 0..500 {
            let action = deck.draw(&Made::default(), &samples, &mut rng);
            assert!(action.is_possible(&Made::default(), &samples), "{action:?}");
            assert!(deck.0.len() < 1_000, "cards that are never possible pile up");
        }
    }
}
