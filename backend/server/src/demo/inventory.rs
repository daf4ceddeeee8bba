//! The datasets, models and runs that the demo has created on the server, and which are in use, so that each action meets the
//! state it is meant for.

use belfry_learning::algorithm::Algorithm;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::samples::Samples;

/// Datasets the demo keeps at most and at least.
const MAX_DATASETS: usize = 20;
const MIN_DATASETS: usize = 6;

/// Completed runs the demo remembers.
const MAX_MODELS: usize = 20;

/// Runs the demo waits for at the same time: more would only wait in the server's queue.
const MAX_RUNS: usize = 4;

/// A dataset on the server.
#[derive(Clone)]
pub struct Dataset {
    /// Its id.
    pub id: String,
    /// The file it was made from.
    pub sample: &'static str,
    users: usize,
}

/// A completed run on the server.
#[derive(Clone)]
pub struct Model {
    /// The run's id.
    pub run_id: String,
    /// The file it was trained on.
    pub sample: &'static str,
}

/// What the demo has created on the server.
#[derive(Default)]
pub struct Inventory {
    // Oldest first.
    datasets: Vec<Dataset>,
    models: Vec<Model>,
    runs_in_flight: usize,
    may_bill: bool,
}

impl Inventory {
    /// Nothing yet. `may_bill`: the server takes billing events of this demo.
    pub fn new(may_bill: bool) -> Self {
        Self { may_bill, ..Self::default() }
    }

    /// Whether the server takes billing events of this demo.
    pub fn may_bill(&self) -> bool {
        self.may_bill
    }

    /// Whether another dataset may be stored.
    pub fn has_room(&self) -> bool {
        self.datasets.len() < MAX_DATASETS
    }

    /// Whether there is a dataset to read.
    pub fn has_dataset(&self) -> bool {
        !self.datasets.is_empty()
    }

    /// Whether there is a dataset that may be deleted.
    pub fn has_surplus(&self) -> bool {
        self.surplus().is_some()
    }

    /// Whether there is a model.
    pub fn has_model(&self) -> bool {
        !self.models.is_empty()
    }

    /// Whether a run can be started with this algorithm.
    pub fn can_train(&self, samples: &Samples, algorithm: Algorithm) -> bool {
        let suits = |dataset: &Dataset| samples.by_name(dataset.sample).suits(algorithm);
        self.may_run() && self.datasets.iter().any(suits)
    }

    /// Whether another run may be started.
    pub fn may_run(&self) -> bool {
        self.runs_in_flight < MAX_RUNS
    }

    /// Remembers a stored dataset.
    pub fn stored(&mut self, id: String, sample: &'static str) {
        self.datasets.push(Dataset { id, sample, users: 0 });
    }

    /// Remembers a completed run.
    pub fn completed(&mut self, run_id: String, sample: &'static str) {
        if self.models.len() >= MAX_MODELS {
            self.models.remove(0);
        }
        self.models.push(Model { run_id, sample });
    }

    /// Any dataset that `suits`; it is not deleted before it is [given back](Self::give_back).
    pub fn borrow(&mut self, rng: &mut StdRng, suits: impl Fn(&str) -> bool) -> Option<Dataset> {
        let suitable: Vec<usize> = (0..self.datasets.len()).filter(|at| suits(self.datasets[*at].sample)).collect();
        let dataset = &mut self.datasets[*suitable.choose(rng)?];
        dataset.users += 1;
        Some(dataset.clone())
    }

    /// Ends a [`borrow`](Self::borrow).
    pub fn give_back(&mut self, dataset: &Dataset) {
        if let Some(kept) = self.datasets.iter_mut().find(|kept| kept.id == dataset.id) {
            kept.users -= 1;
        }
    }

    /// Counts a run that was started.
    pub fn run_started(&mut self) {
        self.runs_in_flight += 1;
    }

    /// Counts a run that ended.
    pub fn run_ended(&mut self) {
        self.runs_in_flight -= 1;
    }

    /// Takes the oldest dataset that nobody uses and of which there is another copy.
    pub fn take_surplus(&mut self) -> Option<Dataset> {
        self.surplus().map(|at| self.datasets.remove(at))
    }

    /// Any model.
    pub fn any_model(&self, rng: &mut StdRng) -> Option<Model> {
        self.models.choose(rng).cloned()
    }

    fn surplus(&self) -> Option<usize> {
        let has_copy = |sample| self.datasets.iter().filter(|dataset| dataset.sample == sample).count() > 1;
        let spare = |dataset: &Dataset| dataset.users == 0 && has_copy(dataset.sample);
        if self.datasets.len() > MIN_DATASETS { self.datasets.iter().position(spare) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn with(samples: &[&'static str]) -> Inventory {
        let mut inventory = Inventory::default();
        for (number, sample) in samples.iter().enumerate() {
            inventory.stored(number.to_string(), sample);
        }
        inventory
    }

    #[test]
    fn a_dataset_in_use_or_the_last_of_its_kind_is_not_taken() {
        let mut inventory = with(&["iris.csv", "wine.csv", "iris.csv", "iris.csv", "iris.csv", "iris.csv", "iris.csv"]);
        let mut rng = StdRng::seed_from_u64(1);
        let wine = inventory.borrow(&mut rng, |sample| sample == "wine.csv").unwrap();
        assert_eq!(wine.id, "1");
        inventory.give_back(&wine);
        assert_eq!(inventory.take_surplus().unwrap().id, "0");
        assert!(inventory.take_surplus().is_none(), "{MIN_DATASETS} are left");

        let mut inventory = with(&["iris.csv"; MIN_DATASETS + 1]);
        let lent: Vec<Dataset> = (0..100).filter_map(|_| inventory.borrow(&mut rng, |_| true)).collect();
        assert!(inventory.take_surplus().is_none());
        lent.iter().for_each(|dataset| inventory.give_back(dataset));
        assert_eq!(inventory.take_surplus().unwrap().id, "0");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut inventory = with(&["iris.csv"; MAX_DATASETS]);
        assert!(!inventory.has_room());
        for number in 0..100 {
            inventory.completed(number.to_string(), "iris.csv");
        }
        assert_eq!(inventory.models.len(), MAX_MODELS);
        assert_eq!(inventory.models[0].run_id, "80");
    }
}
