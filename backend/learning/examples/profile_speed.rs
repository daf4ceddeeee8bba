//! How fast tables of several kinds are profiled, compared with what an upload does at the same time: hashing and writing the
//! same bytes. Build it with `--release`.
//!
//! - `profile_speed [folder]` measures; the folder is on the disk to write to;
//! - `profile_speed write <folder>` writes a little of each table there, to count instructions with.
//!
//! The two are measured in turns, because other work on the machine slows them down in turns as well.

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use belfry_learning::profile::{Limits, Profiler};
use sha2::{Digest, Sha256};

const TABLE_BYTES: usize = 64 << 20;
const WRITTEN_BYTES: usize = 4 << 20;
const CHUNK_BYTES: usize = 64 << 10;
const ROUNDS: usize = 9;

struct Table {
    name: &'static str,
    header: &'static str,
    /// Repeated until there are enough.
    rows: String,
}

impl Table {
    fn bytes(&self, at_most: usize) -> Vec<u8> {
        (self.header.to_owned() + &self.rows.repeat(at_most / self.rows.len())).into_bytes()
    }
}

/// A processor learns a few rows that repeat themselves by heart, and then guesses right where each field ends; so the kinds
/// that matter most are here with rows that differ as well.
fn tables() -> Vec<Table> {
    let repeated = [
        ("numbers", "a,b,c,d\n", "1.25,-17,3.14159,1000000\n"),
        ("quoted numbers", "a,b,c,d\n", "\"1.25\",\"-17\",\"3.14159\",\"1000000\"\n"),
        ("texts", "a,b,c\n", "Ghent,East Flanders Belgium,2020-01-31\nOstend,West Flanders,2021-02-28\n"),
        (
            "quoted texts",
            "a,b,c\n",
            "\"Ghent\",\"East Flanders, Belgium\",\"2020-01-31\"\n\"Ostend\",\"West\",\"2021\"\n",
        ),
        ("texts and numbers", "a,b,c,d\n", "17,\"a text, with a comma\",2.5,\"x\"\n18,\"say \"\"hi\"\"\",-3,\"y\"\n"),
        (
            "lines in quotes",
            "a,b\n",
            "1,\"one line\nand another line that is longer than the first one\nand a third\"\n",
        ),
        ("few digits", "a,b,c,d,e,f,g,h\n", "0,5,13,9,1,0,0,4\n1,0,2,16,7,0,3,9\n"),
        ("decimal commas", "a;b;c\n", "1,25;-17;3,14159\n2,5;18;0,1\n"),
    ];
    let repeated = repeated.map(|(name, header, rows)| Table { name, header, rows: rows.to_owned() });
    let varied = [
        ("numbers, varied", "a,b,c,d\n", varied_rows(number_row)),
        ("quoted numbers, varied", "a,b,c,d\n", varied_rows(|random, row| quoted(number_row, random, row))),
        ("quoted texts, varied", "a,b,c\n", varied_rows(|random, row| quoted(text_row, random, row))),
        ("few digits, varied", "a,b,c,d,e,f,g,h\n", varied_rows(digit_row)),
    ];
    repeated.into_iter().chain(varied.map(|(name, header, rows)| Table { name, header, rows })).collect()
}

/// Numbers that differ from run to run no more than the tables do.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// 20 000 rows of a kind.
fn varied_rows(add_cells: impl Fn(&mut Random, &mut Vec<String>)) -> String {
    let (mut random, mut rows, mut cells) = (Random(1), String::new(), Vec::new());
    for _ in 0..20_000 {
        cells.clear();
        add_cells(&mut random, &mut cells);
        rows.push_str(&cells.join(","));
        rows.push('\n');
    }
    rows
}

fn number_row(random: &mut Random, cells: &mut Vec<String>) {
    let power = 10_u64.pow(random.below(7) as u32);
    cells.push(random.below(10 * power).to_string());
    cells.push(format!("{:.2}", random.below(1_000_000) as f64 / 100.0 - 5000.0));
    cells.push((random.below(1_000_000_000) as f64 / 1e9).to_string());
    cells.push((2000 + random.below(20)).to_string());
}

fn text_row(random: &mut Random, cells: &mut Vec<String>) {
    for longest in [8, 40, 12] {
        let length = 1 + random.below(longest) as usize;
        cells.push("of several words, and commas between some of them".chars().take(length).collect());
    }
}

fn digit_row(random: &mut Random, cells: &mut Vec<String>) {
    cells.extend((0..8).map(|_| random.below(17).to_string()));
}

fn quoted(add_cells: fn(&mut Random, &mut Vec<String>), random: &mut Random, cells: &mut Vec<String>) {
    add_cells(random, cells);
    for cell in cells {
        *cell = format!("\"{cell}\"");
    }
}

fn profile(bytes: &[u8]) -> Result<f64, Box<dyn Error>> {
    let started = Instant::now();
    let mut profiler = Profiler::new(Limits::default());
    bytes.chunks(CHUNK_BYTES).try_for_each(|chunk| profiler.push(chunk))?;
    profiler.finish()?;
    Ok(started.elapsed().as_secs_f64())
}

fn hash_and_write(bytes: &[u8], path: &Path) -> Result<f64, Box<dyn Error>> {
    let started = Instant::now();
    let mut file = File::create(path)?;
    let mut hasher = Sha256::new();
    for chunk in bytes.chunks(CHUNK_BYTES) {
        hasher.update(chunk);
        file.write_all(chunk)?;
    }
    std::hint::black_box(hasher.finalize());
    file.sync_all()?;
    Ok(started.elapsed().as_secs_f64())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if let [command, folder] = arguments.as_slice()
        && command == Path::new("write")
    {
        for table in tables() {
            std::fs::write(folder.join(format!("{}.csv", table.name)), table.bytes(WRITTEN_BYTES))?;
        }
        return Ok(());
    }
    let folder = arguments.into_iter().next().unwrap_or_else(std::env::temp_dir);
    let path = folder.join(format!("profile-speed-{}", std::process::id()));
    println!("{:24} {:>10} {:>14} {:>8}", "MB/s", "profiling", "hash and write", "ratio");
    for table in tables() {
        let bytes = table.bytes(TABLE_BYTES);
        let (mut profiling, mut writing, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (profiled, written) = (profile(&bytes)?, hash_and_write(&bytes, &path)?);
            profiling.push(profiled);
            writing.push(written);
            ratios.push(written / profiled);
        }
        std::fs::remove_file(&path)?;
        let speed = |seconds| bytes.len() as f64 / 1e6 / median(seconds);
        let (profiling, writing, ratio) = (speed(profiling), speed(writing), median(ratios));
        println!("{:24} {profiling:>10.0} {writing:>14.0} {ratio:>8.2}", table.name);
    }
    Ok(())
}
