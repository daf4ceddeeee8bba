use super::*;

fn budgets(variables: &[(&str, &str)]) -> Budgets {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Budgets::new(&Config::read(variables).unwrap())
}

fn dollars(cents: i128) -> PicoDollars {
    PicoDollars::new(cents * 10_000_000_000)
}

fn limit(cents: i128) -> Limit {
    let period = Period { start: 0, end: 1_000_000 };
    Limit { name: BudgetName::Daily, amount: dollars(cents), period }
}

#[test]
fn budgets_of_users_apply_to_calls_of_users_only() {
    let set = [
        ("AI__BUDGET_DAILY", "1"),
        ("AI__BUDGET_MONTHLY", "2.5"),
        ("AI__BUDGET_USER_DAILY", "0.000000000001"),
        ("AI__BUDGET_USER_MONTHLY", "0"),
    ];
    let names = |has_user| budgets(&set).limits(has_user, 0).iter().map(|limit| limit.name).collect::<Vec<_>>();
    assert_eq!(names(false), [BudgetName::Daily, BudgetName::Monthly]);
    let all = [BudgetName::Daily, BudgetName::Monthly, BudgetName::UserDaily, BudgetName::UserMonthly];
    assert_eq!(names(true), all);
    let amounts = all.map(|name| budgets(&set).amount(name).unwrap().get());
    assert_eq!(amounts, [1_000_000_000_000, 2_500_000_000_000, 1, 0]);
    assert!(budgets(&[]).limits(true, 0).is_empty());
}

#[test]
fn only_a_hard_budget_is_enforced() {
    let enforced = |variables: &[(&str, &str)]| {
        let budgets = budgets(variables);
        budgets.are_enforced(&budgets.limits(true, 0))
    };
    assert!(!enforced(&[("AI__BUDGET_DAILY", "1"), ("AI__BUDGET_MODE", "soft")]));
    assert!(!enforced(&[("AI__BUDGET_MODE", "hard")]), "without a budget nothing is refused");
    assert!(enforced(&[("AI__BUDGET_USER_MONTHLY", "1"), ("AI__BUDGET_MODE", "hard")]));
}

#[test]
fn a_call_may_use_a_budget_up_and_not_go_beyond() {
    let sums = Sums { spent: dollars(60), reserved: dollars(30) };
    assert!(limit(100).exceeded_by(dollars(10), sums).is_none());
    assert!(limit(100).exceeded_by(dollars(10) + PicoDollars::new(1), sums).is_some());
    assert!(limit(0).exceeded_by(PicoDollars::ZERO, Sums::default()).is_none(), "what is free is never beyond");
    assert!(limit(5).exceeded_by(PicoDollars::ZERO, sums).is_none(), "also when it is exhausted");
}

#[test]
fn a_refusal_says_when_the_budget_opens() {
    let refusal = |spent, reserved, worst_case| {
        let sums = Sums { spent: dollars(spent), reserved: dollars(reserved) };
        Exceeded::refusal(&[limit(100).exceeded_by(dollars(worst_case), sums).unwrap()]).unwrap()
    };
    let Error::BudgetExhausted { opens_at, detail, .. } = refusal(95, 0, 10) else { panic!() };
    assert_eq!(opens_at, Some(1_000_000));
    let expected = "the daily budget of $1 is exhausted: $0.95 is spent, $0 is reserved, and this call may cost $0.1; it opens \
        again at 1970-01-01T00:00:01.000000Z";
    assert_eq!(detail, expected);
    let Error::BudgetExhausted { opens_at, detail, .. } = refusal(50, 45, 10) else { panic!() };
    assert_eq!((opens_at, detail.ends_with("calls in flight may leave enough")), (None, true));
    assert_eq!(refusal(0, 0, 101).code(), "ai_call_exceeds_budget");
}

#[test]
fn of_several_exhausted_budgets_the_last_to_open_counts() {
    let sums = Sums { spent: dollars(100), reserved: dollars(0) };
    let mut month = limit(100);
    (month.name, month.period.end) = (BudgetName::Monthly, 5_000_000);
    let exceeded = [month, limit(100)].map(|limit| limit.exceeded_by(dollars(1), sums).unwrap());
    let Some(Error::BudgetExhausted { budget, opens_at, .. }) = Exceeded::refusal(&exceeded) else { panic!() };
    assert_eq!((budget, opens_at), (BudgetName::Monthly, Some(5_000_000)));
    assert!(Exceeded::refusal(&[]).is_none());
}
