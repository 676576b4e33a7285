use sm_e2e::{LedgerPlan, keep_ledger};

/// The short form of `make ledger`: every replica of analytics and Redis are killed while samples and
/// messages are published, late and repeated ones among them. What is kept is what was published.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_published_is_kept_once_over_every_death() {
    let plan = LedgerPlan {
        net: "127.96",
        samples: 20_000,
        streams: 4,
        deaths: 8,
        seed: 20_261_130,
    };
    let report = keep_ledger(plan).await;
    assert!(report.late_or_repeated > 100, "{report:?}");
    assert!(report.messages > 100, "{report:?}");
}
