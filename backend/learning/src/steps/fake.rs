//! Not an algorithm: it ends in the way that a test chooses. What it "learns" is the mean, or the classes' shares.

use std::hint::black_box;
use std::time::Duration;

use super::{Step, Stepper};
use crate::algorithm::Task;
use crate::error::TrainError;
use crate::model::{Body, Linear, Link};
use crate::params::{Behaviour, Params};
use crate::split::Split;

/// The step that goes wrong, so that a good one was reported before.
const FATAL_STEP: u64 = 3;
const SLOW_STEP: Duration = Duration::from_millis(50);
const BLOCK_BYTES: usize = 16 << 20;
/// Stops by itself where no memory limit does, so that it cannot exhaust the machine.
const MAX_BLOCKS: usize = 1024;

pub(super) struct Fake<'a> {
    split: &'a Split,
    steps: u64,
    done: u64,
    behaviour: Behaviour,
}

impl<'a> Fake<'a> {
    pub(super) fn new(split: &'a Split, params: &Params) -> Self {
        Self { split, steps: params.count("n_steps") as u64, done: 0, behaviour: params.behaviour() }
    }
}

impl Stepper for Fake<'_> {
    fn total(&self) -> u64 {
        self.steps
    }

    fn step(&mut self) -> Result<Step, TrainError> {
        self.done += 1;
        match self.behaviour {
            Behaviour::Slow => std::thread::sleep(SLOW_STEP),
            Behaviour::Panic if self.done == FATAL_STEP => panic!("the fake algorithm was asked to panic"),
            Behaviour::Oom if self.done == FATAL_STEP => exhaust_memory(),
            Behaviour::Stack if self.done == FATAL_STEP => {
                black_box(recurse(0));
            }
            Behaviour::Hang if self.done == FATAL_STEP => {
                // From here on it does not react; the line lets a test wait for that.
                eprintln!("the fake algorithm hangs");
                loop {
                    std::thread::sleep(SLOW_STEP);
                }
            }
            _ => {}
        }
        let loss = 1.0 / self.done as f64;
        Ok(Step { train_loss: loss, valid_loss: Some(loss), converged: false })
    }

    fn finish(self: Box<Self>) -> Result<Body, TrainError> {
        let target = &self.split.train.target;
        let share = |class: usize| target.iter().filter(|&&value| value == class as f64).count() as f64;
        let (intercepts, link) = match self.split.task {
            Task::Regression => (vec![target.iter().sum::<f64>() / target.len() as f64], Link::Identity),
            Task::Classification => ((0..self.split.classes).map(|class| share(class).ln()).collect(), Link::Softmax),
        };
        let weights = intercepts.iter().map(|_| Vec::new()).collect();
        Ok(Body::Linear(Linear { columns: Vec::new(), weights, intercepts, link }))
    }
}

fn exhaust_memory() {
    let mut blocks = Vec::new();
    while blocks.len() < MAX_BLOCKS {
        blocks.push(black_box(vec![1_u8; BLOCK_BYTES]));
    }
    panic!("{MAX_BLOCKS} blocks of {BLOCK_BYTES} bytes were allocated and no limit was met");
}

/// Recursion the compiler can neither see an end of nor turn into a loop.
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 128]);
    if frame[0] == u64::MAX { 0 } else { recurse(depth + 1) + black_box(frame[127]) }
}
