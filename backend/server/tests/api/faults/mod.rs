//! Real faults: a database, a disk or a host that fails, a clock that jumps, a process that is killed.

mod clock;
mod database;
mod hostile;
mod kills;
mod storage;
mod vanished_host;
