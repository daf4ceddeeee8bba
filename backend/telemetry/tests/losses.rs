//! What each sender of logs loses in the same scenarios: both run side by side against servers that refuse what Loki refuses by
//! default. Prints the table of `docs/logging.md`.

#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::process::{Child, Command, Stdio};
use std::thread::{self, sleep};
use std::time::Duration;

use axum::http::StatusCode;
use belfry_test_support::loki::Receiver;
use belfry_test_support::ports::free_port;
use tokio::runtime::Runtime;

use crate::service::command;

/// A service that logs, and what becomes of its Loki meanwhile.
struct Scenario {
    name: &'static str,
    /// Lines a second, or 0 for as fast as possible.
    rate: u32,
    /// Seconds, or thousands of lines.
    length: u32,
    /// The number of one line that is too long, or 0.
    long_line: u32,
    /// Seconds between the last line and the shutdown.
    wait_seconds: u32,
    /// Changes of the server, each after so many seconds.
    changes: &'static [(u64, Change)],
}

#[derive(Clone, Copy)]
enum Change {
    Down,
    Up,
    AnswersWith(StatusCode),
}

const SCENARIOS: &[Scenario] = &[
    scenario("steady, 1000 lines/s for 10 s", 1_000, 10),
    scenario("full speed, 100 000 lines", 0, 100),
    Scenario { wait_seconds: 10, ..scenario("the same, then 10 s before the shutdown", 0, 100) },
    Scenario { changes: OUTAGE, wait_seconds: 10, ..scenario("500 lines/s for 40 s, server down for 10 s", 500, 40) },
    Scenario {
        changes: OUTAGE,
        wait_seconds: 10,
        ..scenario("2000 lines/s for 40 s, server down for 10 s", 2_000, 40)
    },
    Scenario { changes: BUSY, ..scenario("500 lines/s for 40 s, 429 for 10 s", 500, 40) },
    Scenario { long_line: 500, ..scenario("100 lines/s for 45 s, one line of 300 KiB", 100, 45) },
    Scenario { changes: &[(5, Change::Down)], ..scenario("500 lines/s for 10 s, shutdown while down", 500, 10) },
    Scenario { changes: SILENT, ..scenario("500 lines/s for 10 s, shutdown while never answered", 500, 10) },
];

const OUTAGE: &[(u64, Change)] = &[(5, Change::Down), (15, Change::Up)];
const BUSY: &[(u64, Change)] =
    &[(5, Change::AnswersWith(StatusCode::TOO_MANY_REQUESTS)), (15, Change::AnswersWith(StatusCode::NO_CONTENT))];
const SILENT: &[(u64, Change)] = &[(5, Change::AnswersWith(StatusCode::REQUEST_TIMEOUT))];

const fn scenario(name: &'static str, rate: u32, length: u32) -> Scenario {
    Scenario { name, rate, length, long_line: 0, wait_seconds: 0, changes: &[] }
}

/// A Loki on a port of its own that can go and come back.
struct Server {
    receiver: Receiver,
    port: u16,
    running: Option<Runtime>,
}

impl Server {
    fn start() -> Self {
        let mut server = Self { receiver: Receiver::with_default_limits(), port: free_port(), running: None };
        server.apply(Change::Up);
        server
    }

    fn apply(&mut self, change: Change) {
        match change {
            // Its connections end with its threads.
            Change::Down => self.running.take().unwrap().shutdown_timeout(Duration::from_secs(1)),
            Change::Up => {
                let runtime =
                    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
                let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", self.port))).unwrap();
                let router = self.receiver.router();
                runtime.spawn(async move { axum::serve(listener, router).await });
                self.running = Some(runtime);
            }
            Change::AnswersWith(status) => self.receiver.answer_with(status),
        }
    }
}

/// One row of the table.
struct Losses {
    emitted: u32,
    arrived: usize,
    twice: usize,
    dropped_or_refused: f64,
    says_delivered: bool,
    ending_seconds: f64,
    peak_bytes: u64,
}

impl Losses {
    fn lost(&self) -> usize {
        self.emitted as usize - self.arrived
    }

    /// How many of the lost lines the sender has counted, or has said at the shutdown not to have delivered.
    fn known(&self) -> usize {
        if self.says_delivered { self.lost().min(self.dropped_or_refused as usize) } else { self.lost() }
    }
}

fn run(scenario: &Scenario, delivery: &str) -> Losses {
    let mut server = Server::start();
    let numbers = [scenario.rate, scenario.length, scenario.long_line, scenario.wait_seconds];
    let mut lines: Command = command("log_lines");
    let url = format!("http://127.0.0.1:{}", server.port);
    lines.args(numbers.map(|number| number.to_string()));
    lines.envs([("LOKI__ENABLED", "true"), ("LOKI__DELIVERY", delivery), ("LOKI__URL", &url)]);
    let mut child: Child = lines.stdout(Stdio::piped()).spawn().unwrap();
    let mut peak_bytes = 0;
    let mut waited = 0;
    for (second, change) in scenario.changes {
        sleep(Duration::from_secs(second - waited));
        waited = *second;
        server.apply(*change);
    }
    while child.try_wait().unwrap().is_none() {
        // Not the highest: before it executes its own program, a child has the memory of this one.
        peak_bytes = peak_resident_bytes(child.id()).unwrap_or(peak_bytes);
        sleep(Duration::from_millis(100));
    }
    let page = std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
    let value = |series: &str| -> f64 {
        let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{series} is not in\n{page}")).parse().unwrap()
    };
    let lines = server.receiver.lines();
    // Not the crate's own events, which have no number.
    let numbers: Vec<u64> = lines.iter().filter_map(|(_, line)| line["number"].as_u64()).collect();
    let distinct: HashSet<&u64> = numbers.iter().collect();
    let stage = |stage: &str| value(&format!("telemetry_loki_events_total{{stage=\"{stage}\"}}"));
    Losses {
        emitted: if scenario.rate == 0 { scenario.length * 1_000 } else { scenario.rate * scenario.length },
        arrived: distinct.len(),
        twice: numbers.len() - distinct.len(),
        dropped_or_refused: stage("dropped") + stage("refused"),
        says_delivered: value("lines_delivered") == 1.0,
        ending_seconds: value("lines_ending_seconds"),
        peak_bytes,
    }
}

/// The most memory that a process has had in RAM so far. `None` once it has ended.
fn peak_resident_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"))?;
    Some(peak.parse::<u64>().ok()? << 10)
}

/// The two senders at the same time.
fn run_both(scenario: &Scenario) -> [Losses; 2] {
    thread::scope(|scope| {
        let running = ["buffered", "direct"].map(|delivery| scope.spawn(move || run(scenario, delivery)));
        running.map(|thread| thread.join().unwrap())
    })
}

#[test]
#[ignore = "long: ./run.sh test long runs it; prints the table of docs/logging.md"]
fn senders_lose_what_the_table_says() {
    // Those at full speed one after the other, and then the others, which mostly wait.
    let (fast, slow): (Vec<_>, Vec<_>) = SCENARIOS.iter().partition(|scenario| scenario.rate == 0);
    let mut rows: Vec<_> = fast.into_iter().map(|scenario| (scenario, run_both(scenario))).collect();
    thread::scope(|scope| {
        let running: Vec<_> = slow.into_iter().map(|one| (one, scope.spawn(move || run_both(one)))).collect();
        rows.extend(running.into_iter().map(|(scenario, thread)| (scenario, thread.join().unwrap())));
    });
    println!(
        "| Scenario | Sender | Emitted | Arrived | Lost, known | Lost, unknown | Arrived twice | Shutdown | Memory |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (scenario, losses) in &rows {
        for (sender, row) in ["buffered", "direct"].iter().zip(losses) {
            println!(
                "| {} | {sender} | {} | {} | {} | {} | {} | {:.1} s | {} MiB |",
                scenario.name,
                row.emitted,
                row.arrived,
                row.known(),
                row.lost() - row.known(),
                row.twice,
                row.ending_seconds,
                row.peak_bytes >> 20
            );
        }
    }
    // What must hold of the default, whatever the machine does meanwhile: nothing is lost without being counted or said.
    for (scenario, [buffered, _]) in &rows {
        assert_eq!(buffered.known(), buffered.lost(), "{}", scenario.name);
        if scenario.rate > 0 && scenario.changes.is_empty() {
            assert_eq!(buffered.arrived, buffered.emitted as usize, "{}", scenario.name);
        }
    }
}
