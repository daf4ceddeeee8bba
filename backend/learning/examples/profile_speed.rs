//! How fast tables of several kinds are profiled, compared with what an upload does at the same time: hashing and writing the
//! same bytes. `profile_speed [folder]`, where the folder is on the disk to write to. Build it with `--release`.
//!
//! The two are measured in turns, because other work on the machine slows them down in turns as well.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use belfry_learning::profile::{Limits, Profiler};
use sha2::{Digest, Sha256};

const TABLE_BYTES: usize = 64 << 20;
const CHUNK_BYTES: usize = 64 << 10;
const ROUNDS: usize = 9;

/// Each with its rows.
const TABLES: [(&str, &str, &str); 8] = [
    ("numbers", "a,b,c,d\n", "1.25,-17,3.14159,1000000\n"),
    ("quoted numbers", "a,b,c,d\n", "\"1.25\",\"-17\",\"3.14159\",\"1000000\"\n"),
    ("texts", "a,b,c\n", "Ghent,East Flanders Belgium,2020-01-31\nOstend,West Flanders,2021-02-28\n"),
    ("quoted texts", "a,b,c\n", "\"Ghent\",\"East Flanders, Belgium\",\"2020-01-31\"\n\"Ostend\",\"West\",\"2021\"\n"),
    ("texts and numbers", "a,b,c,d\n", "17,\"a text, with a comma\",2.5,\"x\"\n18,\"say \"\"hi\"\"\",-3,\"y\"\n"),
    ("lines in quotes", "a,b\n", "1,\"one line\nand another line that is longer than the first one\nand a third\"\n"),
    ("few digits", "a,b,c,d,e,f,g,h\n", "0,5,13,9,1,0,0,4\n1,0,2,16,7,0,3,9\n"),
    ("decimal commas", "a;b;c\n", "1,25;-17;3,14159\n2,5;18;0,1\n"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let path = folder.join(format!("profile-speed-{}", std::process::id()));
    println!("{:20} {:>10} {:>14} {:>8}", "MB/s", "profiling", "hash and write", "ratio");
    for (name, header, rows) in TABLES {
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend(rows.as_bytes().iter().cycle().take(TABLE_BYTES / rows.len() * rows.len()));
        let (mut profiling, mut writing) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let started = Instant::now();
            let mut profiler = Profiler::new(Limits::default());
            bytes.chunks(CHUNK_BYTES).try_for_each(|chunk| profiler.push(chunk))?;
            profiler.finish()?;
            profiling.push(started.elapsed().as_secs_f64());

            let started = Instant::now();
            let mut file = std::fs::File::create(&path)?;
            let mut hasher = Sha256::new();
            for chunk in bytes.chunks(CHUNK_BYTES) {
                hasher.update(chunk);
                file.write_all(chunk)?;
            }
            std::hint::black_box(hasher.finalize());
            file.sync_all()?;
            writing.push(started.elapsed().as_secs_f64());
        }
        std::fs::remove_file(&path)?;
        let speed = |seconds: &mut Vec<f64>| {
            seconds.sort_by(f64::total_cmp);
            bytes.len() as f64 / 1e6 / seconds[seconds.len() / 2]
        };
        let (profiling, writing) = (speed(&mut profiling), speed(&mut writing));
        println!("{name:20} {profiling:>10.0} {writing:>14.0} {:>8.2}", profiling / writing);
    }
    Ok(())
}
