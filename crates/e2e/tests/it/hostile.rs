use sm_e2e::{HostilePlan, attack};

/// Whatever somebody sends, it is answered: never as a fault of ours, and with a problem document
/// where it is refused. `make fuzz` sends more.
#[tokio::test]
async fn no_request_makes_a_service_fail() {
    let report = attack(HostilePlan {
        net: "127.95",
        requests: 1500,
        seed: 1,
    })
    .await;
    assert!(report.failures.is_empty(), "{report:#?}");
    let refused: usize = report.answers.range(400..500).map(|(_, count)| count).sum();
    assert!(refused > 500, "most of it is refused: {report:#?}");
    let done: usize = report.answers.range(..300).map(|(_, count)| count).sum();
    assert!(done > 100, "and some of it is nearly right: {report:#?}");
}
