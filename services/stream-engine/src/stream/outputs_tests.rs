use sm_common::output::{Adaptive, FileTarget, RtmpTarget};

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(seconds * 1000)
}

fn rtmp(id: &str) -> Output {
    Output {
        id: id.parse().unwrap(),
        name: id.to_owned(),
        target: OutputTarget::Rtmp(RtmpTarget {
            url: "rtmp://live.example.com/app".to_owned(),
            key: Some("planted-secret".to_owned().into()),
        }),
        adaptive: Adaptive::default(),
        enabled: true,
        generation: 1,
        revision: 1,
        created_at: at(0),
        updated_at: at(0),
    }
}

fn file(id: &str) -> Output {
    Output {
        target: OutputTarget::File(FileTarget::default()),
        ..rtmp(id)
    }
}

fn report(id: &str, status: OutputStatus) -> OutputReport {
    let failing = matches!(status, OutputStatus::Reconnecting | OutputStatus::Failed);
    OutputReport {
        output: id.parse().unwrap(),
        status,
        reconnects: 0,
        attempts: u64::from(failing),
        next_attempt_at: None,
        code: failing.then(|| "output.refused".to_owned()),
        reason: failing.then(|| "refused".to_owned()),
        adaptive: None,
    }
}

fn expecting(outputs: &[Output]) -> Outputs {
    let mut known = Outputs::default();
    known.expect(&StreamId::default(), outputs, true, at(1));
    known
}

fn statuses(outputs: &Outputs) -> Vec<OutputStatus> {
    outputs.list().map(|output| output.status).collect()
}

#[test]
fn outputs_are_listed_as_wanted_and_without_secrets() {
    let (a, mut b) = (rtmp("a"), file("b"));
    b.enabled = false;
    let mut known = expecting(&[a.clone(), b.clone()]);
    assert_eq!(
        statuses(&known),
        [OutputStatus::Connecting, OutputStatus::Stopped]
    );
    let urls: Vec<String> = known.list().map(|output| output.url).collect();
    assert_eq!(
        urls,
        ["rtmp://live.example.com/app/***", "/live/main/recordings/"]
    );
    known.expect(&StreamId::default(), &[b, a], true, at(2));
    let ids: Vec<String> = known.list().map(|output| output.id.to_string()).collect();
    assert_eq!(ids, ["b", "a"]);
    known.expect(&StreamId::default(), &[], true, at(3));
    assert_eq!(known.list().count(), 0);
}

#[test]
fn a_change_or_a_restart_lets_an_output_begin_anew_and_a_name_does_not() {
    let mut wanted = rtmp("a");
    let mut known = expecting(std::slice::from_ref(&wanted));
    assert!(known.heard(report("a", OutputStatus::Failed), at(2)));
    assert!(!known.heard(report("a", OutputStatus::Failed), at(3)));
    wanted.name = "Other".to_owned();
    known.expect(
        &StreamId::default(),
        std::slice::from_ref(&wanted),
        true,
        at(4),
    );
    assert_eq!(statuses(&known), [OutputStatus::Failed]);
    wanted.generation = 2;
    known.expect(
        &StreamId::default(),
        std::slice::from_ref(&wanted),
        true,
        at(5),
    );
    let state = known.list().next().unwrap();
    assert_eq!(
        (state.status, state.since),
        (OutputStatus::Connecting, at(5))
    );
    assert_eq!((state.code, state.error), (None, None));
}

#[test]
fn the_network_is_down_when_none_delivers_and_one_is_trying_again() {
    use OutputStatus::{Connecting, Failed, Live, Reconnecting};
    let cases = [
        (Connecting, Connecting, false),
        (Live, Reconnecting, false),
        (Connecting, Reconnecting, false),
        (Reconnecting, Reconnecting, true),
        (Failed, Reconnecting, true),
        (Failed, Failed, false),
    ];
    for (first, second, expected) in cases {
        let mut known = expecting(&[rtmp("a"), rtmp("b"), file("c")]);
        known.heard(report("a", first), at(2));
        known.heard(report("b", second), at(2));
        known.heard(report("c", Live), at(2));
        assert_eq!(known.network_down(), expected, "{first:?} {second:?}");
    }
    let mut files = expecting(&[file("c")]);
    files.heard(report("c", Reconnecting), at(2));
    assert!(!files.network_down(), "a recording is not on the network");
}

#[test]
fn counters_go_on_over_a_worker_and_not_over_an_offline_time() {
    let mut known = expecting(&[rtmp("a")]);
    known.heard(report("a", OutputStatus::Live), at(2));
    let stats = [OutputStats {
        output: "a".parse().unwrap(),
        counters: OutputCounters {
            bitrate_kbps: Some(8.0),
            bytes_total: 100,
            frames_total: Some(7),
            ..OutputCounters::default()
        },
    }];
    known.measured(&stats);
    known.worker_gone(at(3));
    let between = known.list().next().unwrap();
    assert_eq!(between.status, OutputStatus::Reconnecting);
    assert_eq!(
        (between.reconnects, between.counters.bitrate_kbps),
        (1, None)
    );
    known.measured(&stats);
    let after = known.list().next().unwrap().counters;
    assert_eq!((after.bytes_total, after.frames_total), (200, Some(14)));
    known.off_air(at(4));
    let off = known.list().next().unwrap();
    assert_eq!((off.status, off.reconnects), (OutputStatus::Stopped, 0));
    assert_eq!(off.counters, OutputCounters::default());
}

#[test]
fn a_failing_output_is_a_problem_until_it_delivers() {
    let mut known = expecting(&[rtmp("a")]);
    let refused = report("a", OutputStatus::Reconnecting);
    known.heard(refused.clone(), at(2));
    let problem = known.problem(&refused).unwrap();
    assert_eq!(problem.component, "output:a");
    assert!(problem.recovering && known.is_in_doubt("output:a"));
    let failed = known.problem(&report("a", OutputStatus::Failed)).unwrap();
    assert!(!failed.recovering);
    known.heard(report("a", OutputStatus::Live), at(3));
    assert!(!known.is_in_doubt("output:a"));
    assert!(!known.is_in_doubt("output:b"), "it is gone");
}

#[test]
fn each_change_of_a_status_is_told_once() {
    let known = expecting(&[rtmp("a"), rtmp("b"), rtmp("c")]);
    let before: Vec<OutputState> = known.list().collect();
    assert_eq!(status_changes(&before, &before).count(), 0);
    let mut now = before.clone();
    now[0].status = OutputStatus::Live;
    // Figures are no change.
    now[1].counters.bytes_total = 5;
    now.pop();
    let told: Vec<_> = status_changes(&before, &now)
        .map(|output| (output.id.to_string(), output.status))
        .collect();
    assert_eq!(
        told,
        [
            ("a".to_owned(), OutputStatus::Live),
            ("c".to_owned(), OutputStatus::Stopped)
        ]
    );
    let stopped = Outputs::inherit(&[OutputState {
        status: OutputStatus::Stopped,
        ..before[0].clone()
    }]);
    let stopped: Vec<OutputState> = stopped.list().collect();
    assert_eq!(status_changes(&[], &stopped).count(), 0, "it does nothing");
}
