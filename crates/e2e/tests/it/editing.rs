use sm_e2e::{EditingPlan, edit};

/// The short form of `make editing`: eight people edit over three replicas while each replica of
/// layer-service and ws-fanout is killed, and Redis too. Nothing that was acknowledged is lost, and
/// everybody's copy is the server's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_eight_people_were_answered_survives_every_replica_and_redis() {
    let plan = EditingPlan {
        net: "127.95",
        operations: 1000,
        people: 8,
        deaths: 6,
        seed: 20_261_130,
    };
    let report = edit(plan).await;
    assert!(report.acknowledged > 500, "{report:?}");
    assert!(
        report.snapshots >= 3 && report.recoveries >= 1,
        "{report:?}"
    );
}
