//! The actions of the demo and their weights.
//!
//! Actions are drawn from a shuffled round that holds each as often as its weight says, not independently at random. So every
//! action comes at least once a round, which takes about 12 seconds at the default rate.

use belfry_learning::algorithm::Algorithm;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::Demo;
use super::inventory::Inventory;
use super::samples::Samples;
use super::{billing, reads, runs, uploads};

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
    RequestMissing,
    RequestHealth,
    RequestJobs,
    RunCleanup,
    SendBillingEvent,
}

use Action::{
    CancelRun, CancelTooLate, DeleteDataset, DownloadDataset, DownloadModel, ListDatasets, ListRuns, Predict,
    PredictBadly, ReadDataset, ReadRun, RequestHealth, RequestJobs, RequestMissing, RunCleanup, SendBillingEvent,
    TrainBadly, TrainBoosting, TrainElasticNet, TrainForest, TrainLogistic, UploadBad, UploadGzip, UploadHalf,
    UploadMultipart, UploadRaw, UploadShortLived,
};

/// How often each action comes in one round.
const WEIGHTS: &[(Action, usize)] = &[
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
    (RequestMissing, 2),
    (RequestHealth, 1),
    (RequestJobs, 1),
    (RunCleanup, 1),
    (SendBillingEvent, 4),
];

impl Action {
    /// Whether the inventory allows the action to provoke the response it is meant to.
    pub fn is_possible(self, inventory: &Inventory, samples: &Samples) -> bool {
        match self {
            UploadMultipart | UploadRaw | UploadGzip => inventory.has_room(),
            DeleteDataset => inventory.has_surplus(),
            ReadDataset | DownloadDataset | TrainBadly => inventory.has_dataset(),
            TrainBoosting => inventory.can_train(samples, Algorithm::GradientBoosting),
            TrainForest => inventory.can_train(samples, Algorithm::RandomForest),
            TrainLogistic => inventory.can_train(samples, Algorithm::LogisticRegression),
            TrainElasticNet => inventory.can_train(samples, Algorithm::ElasticNet),
            CancelRun => inventory.may_run(),
            SendBillingEvent => inventory.may_bill(),
            CancelTooLate | ReadRun | DownloadModel | Predict | PredictBadly => inventory.has_model(),
            UploadShortLived | UploadBad | UploadHalf | ListDatasets | ListRuns | RequestMissing | RequestHealth
            | RequestJobs | RunCleanup => true,
        }
    }

    /// Performs it and counts the responses.
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
            RequestMissing => reads::missing(demo).await,
            RequestHealth => reads::health(demo, rng).await,
            RequestJobs => reads::jobs(demo, rng).await,
            RunCleanup => reads::run_cleanup(demo).await,
            SendBillingEvent => billing::event(demo, rng).await,
        }
    }
}

/// The actions left in this round.
#[derive(Default)]
pub struct ActionMix(Vec<Action>);

impl ActionMix {
    /// The next action that is possible now. One that is not stays in the round for later.
    pub fn next_action(&mut self, inventory: &Inventory, samples: &Samples, rng: &mut StdRng) -> Action {
        let possible = |action: &Action| action.is_possible(inventory, samples);
        if !self.0.iter().any(possible) {
            self.0.extend(WEIGHTS.iter().flat_map(|(action, count)| std::iter::repeat_n(*action, *count)));
            self.0.shuffle(rng);
        }
        match self.0.iter().rposition(possible) {
            Some(at) => self.0.remove(at),
            // Not reached: a full round has actions that are always possible.
            None => ListRuns,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_round_has_every_action_as_often_as_its_weight_says() {
        let samples = Samples::load(None).unwrap();
        let mut inventory = Inventory::new(true);
        for sample in ["iris.csv", "diabetes.csv", "iris.csv", "iris.csv", "iris.csv", "iris.csv", "iris.csv"] {
            inventory.stored(sample.to_owned(), sample);
        }
        inventory.completed("a run".to_owned(), "iris.csv");
        let mut rng = StdRng::seed_from_u64(1);
        let mut mix = ActionMix::default();
        let total: usize = WEIGHTS.iter().map(|(_, count)| count).sum();
        let scheduled: Vec<Action> = (0..total).map(|_| mix.next_action(&inventory, &samples, &mut rng)).collect();
        for (action, count) in WEIGHTS {
            assert_eq!(scheduled.iter().filter(|scheduled| *scheduled == action).count(), *count, "{action:?}");
        }
    }

    #[test]
    fn with_an_empty_inventory_only_actions_that_need_nothing_come() {
        let samples = Samples::load(None).unwrap();
        let (mut mix, mut rng) = (ActionMix::default(), StdRng::seed_from_u64(1));
        for _ in 0..500 {
            let action = mix.next_action(&Inventory::default(), &samples, &mut rng);
            assert!(action.is_possible(&Inventory::default(), &samples), "{action:?}");
            assert!(mix.0.len() < 1_000, "actions that are never possible pile up");
        }
    }
}
