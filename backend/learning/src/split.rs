//! Which rows are learned from and which are held out, and the data of both, ready for any algorithm.

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use crate::algorithm::Task;
use crate::model::{Feature, FeatureKind};
use crate::table::Table;

/// Some rows of a table.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) rows: usize,
    /// Codes, one feature after the other, NaN for missing.
    pub(crate) codes: Vec<f64>,
    /// Numbers, or class positions.
    pub(crate) target: Vec<f64>,
}

impl Part {
    #[inline]
    pub(crate) fn code(&self, row: usize, feature: usize) -> f64 {
        self.codes[feature * self.rows + row]
    }

    /// The codes with missing ones replaced, in the same order.
    pub(crate) fn filled_codes(&self, features: &[Feature]) -> Vec<f64> {
        let mut codes = self.codes.clone();
        for (column, feature) in codes.chunks_mut(self.rows.max(1)).zip(features) {
            column.iter_mut().filter(|code| code.is_nan()).for_each(|code| *code = feature.fill());
        }
        codes
    }
}

/// A table divided for training.
#[derive(Debug)]
pub(crate) struct Split {
    pub(crate) task: Task,
    /// 0 for regression.
    pub(crate) classes: usize,
    pub(crate) features: Vec<Feature>,
    pub(crate) train: Part,
    pub(crate) test: Part,
    pub(crate) seed: u64,
}

impl Split {
    /// Divides a table at random but the same for the same seed; classes keep their shares in both parts. Takes
    /// the columns out of the table one by one, so that the codes are not twice in memory.
    pub(crate) fn new(table: &mut Table, test_fraction: f64, seed: u64) -> Self {
        let (train, test) = divide(table, test_fraction, seed);
        let part = |rows: &[usize]| Part {
            rows: rows.len(),
            codes: Vec::with_capacity(rows.len() * table.columns.len()),
            target: rows.iter().map(|&row| table.target[row]).collect(),
        };
        let mut split = Self {
            task: table.task,
            classes: table.classes.len(),
            train: part(&train),
            test: part(&test),
            features: std::mem::take(&mut table.features),
            seed,
        };
        for (feature, column) in split.features.iter_mut().zip(std::mem::take(&mut table.columns)) {
            let start = split.train.codes.len();
            split.train.codes.extend(train.iter().map(|&row| column[row]));
            split.test.codes.extend(test.iter().map(|&row| column[row]));
            feature.set_fill(replacement(feature.kind(), &split.train.codes[start..]));
        }
        split
    }
}

/// The rows of each part, in the table's order.
fn divide(table: &Table, test_fraction: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); table.classes.len().max(1)];
    for row in 0..table.rows() {
        let group = if table.classes.is_empty() { 0 } else { table.target[row] as usize };
        groups[group].push(row);
    }
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for mut group in groups {
        group.shuffle(&mut random);
        // Validation made sure of two rows a group.
        let held_out = ((group.len() as f64 * test_fraction).round() as usize).clamp(1, group.len() - 1);
        test.extend_from_slice(&group[..held_out]);
        train.extend_from_slice(&group[held_out..]);
    }
    train.sort_unstable();
    test.sort_unstable();
    (train, test)
}

/// The median of numbers, the most frequent code of anything else, 0 where all is missing.
fn replacement(kind: &FeatureKind, codes: &[f64]) -> f64 {
    let mut present: Vec<f64> = codes.iter().copied().filter(|code| !code.is_nan()).collect();
    if present.is_empty() {
        return 0.0;
    }
    if matches!(kind, FeatureKind::Number) {
        let middle = present.len() / 2;
        return *present.select_nth_unstable_by(middle, f64::total_cmp).1;
    }
    let mut counts = vec![0_usize; crate::table::MAX_LEVELS];
    for code in present {
        counts[code as usize] += 1;
    }
    // The first of the most frequent, so that ties do not depend on anything else.
    let most = counts.iter().copied().max().unwrap_or(0);
    counts.iter().position(|&count| count == most).unwrap_or(0) as f64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table(classes: usize, rows: usize) -> Table {
        Table {
            task: if classes == 0 { Task::Regression } else { Task::Classification },
            features: vec![Feature::new("x".to_owned(), FeatureKind::Number, 0.0)],
            columns: vec![(0..rows).map(|row| row as f64).collect()],
            target: (0..rows).map(|row| if classes == 0 { row as f64 } else { (row % classes) as f64 }).collect(),
            classes: (0..classes).map(|class| json!(class)).collect(),
            dropped: Vec::new(),
            rows_without_target: 0,
            clamped_values: 0,
        }
    }

    #[test]
    fn no_row_is_in_both_parts_and_none_is_lost() {
        let split = Split::new(&mut table(0, 101), 0.25, 7);
        let mut all = [split.train.codes.clone(), split.test.codes.clone()].concat();
        all.sort_by(f64::total_cmp);
        assert_eq!(all, (0..101).map(f64::from).collect::<Vec<_>>());
        assert_eq!(split.test.rows, 25);
    }

    #[test]
    fn each_class_keeps_its_share() {
        let split = Split::new(&mut table(4, 80), 0.25, 7);
        for class in 0..4 {
            let held_out = split.test.target.iter().filter(|&&value| value == f64::from(class)).count();
            assert_eq!(held_out, 5);
        }
    }

    #[test]
    fn the_seed_decides_and_nothing_else() {
        let once = Split::new(&mut table(0, 50), 0.3, 1).test.codes;
        assert_eq!(once, Split::new(&mut table(0, 50), 0.3, 1).test.codes);
        assert_ne!(once, Split::new(&mut table(0, 50), 0.3, 2).test.codes);
    }

    #[test]
    fn missing_numbers_become_the_median_of_the_training_rows() {
        assert_eq!(replacement(&FeatureKind::Number, &[f64::NAN, 5.0, 1.0, 100.0]), 5.0);
        assert_eq!(replacement(&FeatureKind::Boolean, &[1.0, f64::NAN, 1.0, 0.0]), 1.0);
        assert_eq!(replacement(&FeatureKind::Number, &[f64::NAN]), 0.0);
    }
}
