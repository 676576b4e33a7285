#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark of a system that does not run fails by panicking, as a test does"
)]

use sm_e2e::Stack;
use sm_test_kit::Api;

/// The engines of a stack, which stand for hosts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hosts {
    /// Where the stack runs.
    pub(crate) net: &'static str,
    pub(crate) count: u8,
}

impl Hosts {
    /// Which process holds the stream.
    pub(crate) async fn holder(&self, stack: &Stack) -> String {
        let state = stack.state().await;
        for number in 1..=self.count {
            let report = self.health(number).get("/health").await;
            if report.body["instance"] == state["engine"]["instance"] {
                return format!("stream-engine-{number}");
            }
        }
        panic!("an engine holds the stream: {state}")
    }

    /// Waits until the stream is live and every engine runs, before something else happens.
    pub(crate) async fn settle(&self, stack: &Stack) {
        stack
            .until_state("the stream is live", |state| state["status"] == "live")
            .await;
        stack
            .until("the engines are ready", || async {
                for number in 1..=self.count {
                    let answer = self.health(number).try_get("/health/ready").await;
                    if answer.is_none_or(|answer| answer.status != 200) {
                        return false;
                    }
                }
                true
            })
            .await;
    }

    fn health(&self, number: u8) -> Api {
        Api::new(format!("http://{}.6.{number}:4291", self.net))
    }
}
