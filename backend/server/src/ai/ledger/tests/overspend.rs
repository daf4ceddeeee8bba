//! No budget is overdrawn, and no sum is wrong: by many servers at once, by one that dies, in any order, for any amounts.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

/// The budget has room for 100 of 200 calls that two servers make at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_overspend_by_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let hard = [("AI__BUDGET_MODE", "hard"), ("AI__BUDGET_DAILY", "1")];
    let servers = testing::fresh_for_two(folder.path()).await.map(|database| ledger(database, &hard));
    let calls: Vec<_> = (0..200)
        .map(|number| {
            let ledger = servers[number % 2].clone();
            tokio::spawn(async move {
                loop {
                    match ledger.reserve_at(call("m", 1), NOON).await {
                        // The machine is busy; the reservation was not made.
                        Err(error) if error.is_transient() => {}
                        other => break other,
                    }
                }
            })
        })
        .collect();
    let (mut made, mut refused) = (Vec::new(), 0);
    for call in calls {
        match call.await.unwrap() {
            Ok(reservation) => made.push(reservation),
            Err(Error::BudgetExhausted { .. }) => refused += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!((made.len(), refused), (100, 100));
    assert_eq!(sums(&servers[0], 0, None).await, Sums { spent: cents(0), reserved: cents(100) });
    // Half of what was reserved is spent in the end, and so much fits again and no more.
    for reservation in made {
        reservation.settle(finished(AiOutcome::Ok, Some(report("m", 2_500, 2_500)))).await;
    }
    let mut again = Vec::new();
    while let Ok(reservation) = servers[1].reserve_at(call("m", 1), NOON).await {
        again.push(reservation);
    }
    assert_eq!((again.len(), sums(&servers[0], 0, None).await.total()), (50, cents(100)));
}

#[tokio::test]
async fn a_call_whose_server_died_stays_counted() {
    let folder = tempfile::tempdir().unwrap();
    let hard = [("AI__BUDGET_MODE", "hard"), ("AI__BUDGET_DAILY", "0.10"), ("AI__RESERVATION_TTL", "1h")];
    let [database, next] = testing::fresh_for_two(folder.path()).await;
    let died = ledger(database, &hard).reserve_at(call("m", 6), NOON).await.unwrap();
    let id = died.id.clone();
    // Nothing of its process runs any more.
    std::mem::forget(died);
    let ledger = ledger(next, &hard);
    assert_eq!(code(ledger.reserve_at(call("m", 5), NOON + 1).await), "ai_budget_exhausted");
    assert_eq!(ledger.expire_reservations_at(NOON + HOUR - 1).await.unwrap(), (0, false));
    assert_eq!(ledger.expire_reservations_at(NOON + HOUR).await.unwrap(), (1, false));
    assert_eq!(ledger.expire_reservations_at(NOON + HOUR).await.unwrap(), (0, false));
    let expected = (Some("unknown".to_owned()), "unknown".to_owned(), None, 60_000_000_000);
    assert_eq!(row(&ledger, &id).await, expected);
    let Err(Error::BudgetExhausted { opens_at, .. }) = ledger.reserve_at(call("m", 5), NOON + HOUR).await else {
        panic!()
    };
    assert_eq!(opens_at, Some(NOON + 12 * HOUR));
    drop(ledger.reserve_at(call("m", 10), NOON + 12 * HOUR).await.expect("the next day is another budget"));
}

#[tokio::test]
async fn sums_beyond_64_bits_are_exact() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(testing::fresh(folder.path()).await, &[]);
    for _ in 0..12 {
        let reservation = ledger.reserve(call("dear", 1)).await.unwrap();
        // A million dollars each.
        reservation.settle(finished(AiOutcome::Ok, Some(report("dear", 999_999_999, 1)))).await;
    }
    let expected = PicoDollars::new(12 * 1_000_000_000_000_000_000);
    assert!(expected.to_i64().is_none());
    assert_eq!(sums(&ledger, 0, None).await.spent, expected);
}

/// Whatever happens in whatever order, the sums are those of the rows, and no budget is overdrawn.
#[tokio::test]
async fn sums_are_those_of_the_rows_for_any_sequence() {
    for seed in 0..4 {
        let mut random = StdRng::seed_from_u64(seed);
        let folder = tempfile::tempdir().unwrap();
        let hard = [("AI__BUDGET_MODE", "hard"), ("AI__BUDGET_DAILY", "0.50"), ("AI__BUDGET_USER_DAILY", "0.20")];
        let ledger = ledger(testing::fresh(folder.path()).await, &hard);
        let mut in_flight = Vec::new();
        let (mut spent, mut reserved) = ([PicoDollars::ZERO; 3], [PicoDollars::ZERO; 3]);
        for step in 0..60 {
            if random.random_bool(0.6) || in_flight.is_empty() {
                let (user, amount) = (random.random_range(0..3), random.random_range(0..15));
                let user_id = (user > 0).then(|| format!("user {user}"));
                let planned = PlannedCall { user_id, ..call("m", amount) };
                let before = spent.into_iter().chain(reserved).sum::<PicoDollars>();
                let of_user = spent[user] + reserved[user];
                let fits = before + cents(amount.into()) <= cents(50)
                    && (user == 0 || of_user + cents(amount.into()) <= cents(20));
                match ledger.reserve_at(planned, NOON + step).await {
                    Ok(reservation) => {
                        assert!(fits, "seed {seed}, step {step}");
                        reserved[user] += cents(amount.into());
                        in_flight.push((user, amount, reservation));
                    }
                    Err(error) => assert!(!fits, "seed {seed}, step {step}: {error}"),
                }
            } else {
                let (user, amount, reservation) = in_flight.swap_remove(random.random_range(0..in_flight.len()));
                reserved[user] = reserved[user] - cents(amount.into());
                let used = random.random_range(0..=amount * 10_000);
                let (outcome, said, counted) = match random.random_range(0..4) {
                    0 => (AiOutcome::Timeout, None, cents(amount.into())),
                    1 => (AiOutcome::RateLimited, None, PicoDollars::ZERO),
                    _ => (AiOutcome::Ok, Some(report("m", 0, used)), PicoDollars::new(i128::from(used) * 1_000_000)),
                };
                spent[user] += counted;
                reservation.settle(finished(outcome, said)).await;
            }
            let all = Sums { spent: spent.into_iter().sum(), reserved: reserved.into_iter().sum() };
            assert_eq!(sums(&ledger, 0, None).await, all, "seed {seed}, step {step}");
            assert!(all.total() <= cents(50), "seed {seed}, step {step}: {all:?}");
            for user in [1, 2] {
                let expected = Sums { spent: spent[user], reserved: reserved[user] };
                assert_eq!(sums(&ledger, 0, Some(&format!("user {user}"))).await, expected, "seed {seed}, step {step}");
                assert!(expected.total() <= cents(20), "seed {seed}, step {step}: {expected:?}");
            }
        }
        let rows: Vec<i64> =
            sqlx::query_scalar("SELECT counted_pico FROM ai_usage").fetch_all(&ledger.database.pool).await.unwrap();
        let of_rows: PicoDollars = rows.into_iter().map(PicoDollars::from).sum();
        assert_eq!(of_rows, sums(&ledger, 0, None).await.total());
    }
}
