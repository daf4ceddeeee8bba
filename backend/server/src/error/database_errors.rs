//! What the errors of SQLite, PostgreSQL and the pool mean.

use belfry_telemetry::catalogue::DatabaseErrorKind;

/// Whether it cannot be reached, or others lock what is needed.
pub(super) fn is_unreachable(error: &sqlx::Error) -> bool {
    matches!(kind(error), DatabaseErrorKind::Timeout | DatabaseErrorKind::Connection)
}

/// What kind of fault it is, as a label.
pub(super) fn kind(error: &sqlx::Error) -> DatabaseErrorKind {
    match error {
        sqlx::Error::PoolTimedOut => DatabaseErrorKind::Timeout,
        sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => DatabaseErrorKind::Timeout,
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            DatabaseErrorKind::Connection
        }
        sqlx::Error::Database(error) => database_kind(error.as_ref()),
        _ => DatabaseErrorKind::Other,
    }
}

fn database_kind(error: &dyn sqlx::error::DatabaseError) -> DatabaseErrorKind {
    use sqlx::error::ErrorKind;
    match error.kind() {
        ErrorKind::UniqueViolation
        | ErrorKind::ForeignKeyViolation
        | ErrorKind::NotNullViolation
        | ErrorKind::CheckViolation => DatabaseErrorKind::Constraint,
        _ => match error.code().as_deref().map(Code::parse_code) {
            // Class 08 is connection trouble, 57P0x a server that shuts down or starts; too many connections; a replica.
            Some(Code::Postgres(code)) if code.starts_with("08") || code.starts_with("57P") => {
                DatabaseErrorKind::Connection
            }
            Some(Code::Postgres("53300" | "25006")) => DatabaseErrorKind::Connection,
            // serialization_failure, deadlock_detected and lock_not_available: others wrote the same rows at the same time. All
            // that the transaction did is undone, and it may be tried again.
            Some(Code::Postgres("40001" | "40P01" | "55P03")) => DatabaseErrorKind::Timeout,
            // SQLITE_BUSY and SQLITE_LOCKED: another writer takes too long.
            Some(Code::Sqlite(5 | 6)) => DatabaseErrorKind::Timeout,
            // SQLITE_READONLY, SQLITE_IOERR and SQLITE_CANTOPEN: its file is out of reach.
            Some(Code::Sqlite(8 | 10 | 14)) => DatabaseErrorKind::Connection,
            _ => DatabaseErrorKind::Other,
        },
    }
}

/// Whether the database has no room left: PostgreSQL's disk_full, SQLITE_FULL.
pub(super) fn is_database_full(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    matches!(error.code().as_deref().map(Code::parse_code), Some(Code::Postgres("53100") | Code::Sqlite(13)))
}

/// An engine's own code.
enum Code<'c> {
    /// A SQLSTATE: five characters.
    Postgres(&'c str),
    /// A primary result code: the lowest byte of the extended one.
    Sqlite(u32),
}

impl<'c> Code<'c> {
    fn parse_code(code: &'c str) -> Self {
        match code.parse::<u32>() {
            Ok(number) if code.len() < 5 => Self::Sqlite(number & 0xff),
            _ => Self::Postgres(code),
        }
    }
}
