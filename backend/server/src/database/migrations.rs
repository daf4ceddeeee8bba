//! The schema's migrations. They are listed here, and not by `sqlx::migrate!()`, because the macros of sqlx compile it,
//! its TLS and SQLite a second time for the compiler's own use.
//!
//! A database records the version, the description and the checksum of each migration that ran on it and is refused when
//! one of the checksums differs, so a released file never changes. A new one is a file in `migrations/` and a line here.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Version, description and statements of a file of the folder.
struct File {
    version: i64,
    description: &'static str,
    sql: &'static str,
}

macro_rules! files {
    ($($version:literal $description:literal $name:literal;)*) => {
        &[$(File { version: $version, description: $description, sql: include_str!(concat!("../../migrations/", $name)) },)*]
    };
}

/// In the order they run.
static FILES: &[File] = files! {
    1 "initial" "0001_initial.sql";
    2 "schedules" "0002_schedules.sql";
    3 "health and removal" "0003_health_and_removal.sql";
    4 "jobs" "0004_jobs.sql";
    5 "alerts" "0005_alerts.sql";
    6 "ai usage" "0006_ai_usage.sql";
    7 "ai texts" "0007_ai_texts.sql";
    8 "users" "0008_users.sql";
    9 "billing events" "0009_billing_events.sql";
};

/// What brings a database's schema up to date.
pub(super) fn migrator() -> Migrator {
    let migrations = FILES.iter().map(|file| {
        let description = Cow::Borrowed(file.description);
        Migration::new(file.version, description, MigrationType::Simple, file.sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// The version of the last one.
pub(super) fn latest_version() -> i64 {
    FILES.iter().map(|file| file.version).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[tokio::test]
    async fn the_list_is_that_of_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let found = Migrator::new(folder).await.unwrap();
        let listed = migrator();
        assert_eq!(described(&listed), described(&found));
        assert_eq!(latest_version(), found.iter().map(|migration| migration.version).max().unwrap());
        let settings = |migrator: &Migrator| (migrator.locking, migrator.ignore_missing, migrator.table_name.clone());
        assert_eq!(settings(&listed), settings(&Migrator::DEFAULT));
    }

    #[test]
    fn released_migrations_keep_their_checksums() {
        // As databases that exist have them on record.
        let checksums = migrator().iter().map(|migration| hex::encode(&migration.checksum)).collect::<Vec<_>>();
        let released: [&str; 4] = [
            "1018a108d26fd561ae69f62b66eac53afa66fcf1fa4f00aa54dec49698899091b8b3488e67468969fd26b78eadf514f1",
            "604bc8a3a947ea2cc8a32becaba9b2cf75ea5cf7d4fa7fd78010904f748dedf41a828ba69dd5d4154d5df7fd13a0645d",
            "6a83a57098895a8914f732793ff8133b3b00f77ec78211ece6c634b4d209ed9b597c4be0847874fdc086daa28164079e",
            "55479e4cb39d28b5eca6b9b061d7e3f02b7cf98a922b7ebd23758af490cda09ad7b84f968b5360acfaf3a561811be51a",
        ];
        assert_eq!(checksums[..released.len()], released);
    }

    fn described(migrator: &Migrator) -> Vec<(i64, String, String, String, bool)> {
        let described = migrator.iter().map(|migration| {
            let (sql, checksum) = (migration.sql.as_str().to_owned(), hex::encode(&migration.checksum));
            (migration.version, migration.description.to_string(), sql, checksum, migration.no_tx)
        });
        described.collect()
    }
}
