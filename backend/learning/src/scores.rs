//! How good a model is on rows it has not seen. Definitions are those of scikit-learn's metrics of the same name.

use std::collections::BTreeMap;

use crate::algorithm::Task;
use crate::model::{Link, most_probable};
use crate::protocol::Score;

/// Probabilities are kept this far from 0 and 1, where a logarithm would be infinite.
const EPSILON: f64 = 1e-15;

/// What a model predicts for several rows: `width` numbers a row, class probabilities or the one number predicted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outputs {
    width: usize,
    values: Vec<f64>,
}

impl Outputs {
    /// Applies a link to raw outputs, `raw_width` numbers a row.
    pub(crate) fn from_raw(link: Link, raw: &[f64], raw_width: usize) -> Self {
        let width = if matches!(link, Link::Logistic | Link::Probability) { 2 } else { raw_width };
        let mut values = Vec::with_capacity(raw.len() / raw_width * width);
        raw.chunks_exact(raw_width).for_each(|row| link.apply(row, &mut values));
        Self { width, values }
    }

    pub(crate) fn from_rows(rows: impl Iterator<Item = Vec<f64>>) -> Self {
        let (mut width, mut values) = (1, Vec::new());
        for row in rows {
            width = row.len();
            values.extend(row);
        }
        Self { width, values }
    }

    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.width)
    }
}

/// Scores of outputs against the truth: accuracy, macro_f1, log_loss; or rmse, mae, r2.
pub(crate) fn scores(task: Task, outputs: &Outputs, truth: &[f64]) -> BTreeMap<Score, f64> {
    match task {
        Task::Classification => classification(outputs, truth).into(),
        Task::Regression => regression(outputs, truth).into(),
    }
}

/// The loss that a run reports after each step: log loss, or root mean squared error.
pub(crate) fn loss(task: Task, outputs: &Outputs, truth: &[f64]) -> f64 {
    match task {
        Task::Classification => log_loss(outputs, truth),
        Task::Regression => mean(outputs, truth, |output, truth| (output[0] - truth).powi(2)).sqrt(),
    }
}

fn classification(outputs: &Outputs, truth: &[f64]) -> [(Score, f64); 3] {
    let classes = outputs.width;
    let mut confusion = vec![vec![0_u64; classes]; classes];
    for (output, &class) in outputs.rows().zip(truth) {
        confusion[class as usize][most_probable(output)] += 1;
    }
    let accuracy = (0..classes).map(|class| confusion[class][class]).sum::<u64>() as f64 / truth.len() as f64;
    let f1 = |class: usize| {
        let hits = confusion[class][class];
        let actual: u64 = confusion[class].iter().sum();
        let predicted: u64 = confusion.iter().map(|row| row[class]).sum();
        // Twice the hits over all that were or should have been: harmonic mean of precision and recall.
        (actual + predicted > 0).then(|| 2.0 * hits as f64 / (actual + predicted) as f64)
    };
    let each: Vec<f64> = (0..classes).filter_map(f1).collect();
    let macro_f1 = each.iter().sum::<f64>() / each.len() as f64;
    [(Score::Accuracy, accuracy), (Score::MacroF1, macro_f1), (Score::LogLoss, log_loss(outputs, truth))]
}

fn regression(outputs: &Outputs, truth: &[f64]) -> [(Score, f64); 3] {
    let squares = mean(outputs, truth, |output, truth| (output[0] - truth).powi(2));
    let centre = truth.iter().sum::<f64>() / truth.len() as f64;
    let spread = truth.iter().map(|value| (value - centre).powi(2)).sum::<f64>() / truth.len() as f64;
    // Held-out rows that are all alike have no variance to explain.
    let r2 = if spread > 0.0 { 1.0 - squares / spread } else { 0.0 };
    [
        (Score::Rmse, squares.sqrt()),
        (Score::Mae, mean(outputs, truth, |output, truth| (output[0] - truth).abs())),
        (Score::R2, r2),
    ]
}

fn log_loss(outputs: &Outputs, truth: &[f64]) -> f64 {
    mean(outputs, truth, |output, class| -output[class as usize].clamp(EPSILON, 1.0 - EPSILON).ln())
}

fn mean(outputs: &Outputs, truth: &[f64], measure: impl Fn(&[f64], f64) -> f64) -> f64 {
    outputs.rows().zip(truth).map(|(output, &truth)| measure(output, truth)).sum::<f64>() / truth.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classification_scores_are_the_textbook_ones() {
        let outputs = Outputs { width: 2, values: vec![0.9, 0.1, 0.4, 0.6, 0.2, 0.8, 0.7, 0.3] };
        let scores = scores(Task::Classification, &outputs, &[0.0, 0.0, 1.0, 0.0]);
        assert_eq!(scores[&Score::Accuracy], 0.75);
        // Class 0: precision 1, recall 2/3; class 1: precision 1/2, recall 1.
        assert!((scores[&Score::MacroF1] - (0.8 + 2.0 / 3.0) / 2.0).abs() < 1e-12);
        let expected = -(0.9_f64.ln() + 0.4_f64.ln() + 0.8_f64.ln() + 0.7_f64.ln()) / 4.0;
        assert!((scores[&Score::LogLoss] - expected).abs() < 1e-12);
    }

    #[test]
    fn regression_scores_are_the_textbook_ones() {
        let outputs = Outputs { width: 1, values: vec![1.0, 2.0, 6.0] };
        let scores = scores(Task::Regression, &outputs, &[1.0, 3.0, 5.0]);
        assert!((scores[&Score::Rmse] - (2.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert!((scores[&Score::Mae] - 2.0 / 3.0).abs() < 1e-12);
        assert!((scores[&Score::R2] - 0.75).abs() < 1e-12);
    }

    #[test]
    fn a_certain_error_costs_much_and_not_infinitely() {
        let outputs = Outputs { width: 2, values: vec![1.0, 0.0] };
        let loss = loss(Task::Classification, &outputs, &[1.0]);
        assert!(loss > 30.0 && loss.is_finite());
    }
}
