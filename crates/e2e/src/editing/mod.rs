//! Many people edit scenes over several replicas, of which some are killed meanwhile, as is Redis.
//!
//! Each acts at random from a seed. What is answered is written down; at the end it is compared with
//! everything that was told, with what each replica answers, and with the copies that subscribers keep.

mod act;
mod commons;
mod copy;
mod draft;
mod history;
mod ledger;
mod line;
mod person;
mod room;
mod witness;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures_util::future::join_all;
use serde_json::json;
use sm_common::auth::Role;
use sm_common::event::Channel;
use sm_common::id::{StreamId, UserId};
use sm_test_kit::{Api, until};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::history::History;
use self::line::Line;
use self::person::Person;
use self::witness::{Seen, Witness};
use crate::fleet::Fleet;

/// Longest that any part of it may take.
const PATIENCE: Duration = Duration::from_mins(10);
/// Replicas of layer-service and of ws-fanout.
const REPLICAS: [u8; 2] = [3, 2];
/// What dies, in turns.
const VICTIMS: [&str; 6] = [
    "layer-service-1",
    "ws-fanout-1",
    "redis",
    "layer-service-2",
    "ws-fanout-2",
    "layer-service-3",
];

/// What happens.
#[derive(Clone, Copy, Debug)]
pub struct EditingPlan {
    /// First two numbers of the addresses.
    pub net: &'static str,
    /// Changes that are asked for, by everybody together.
    pub operations: usize,
    /// How many people edit at the same time.
    pub people: usize,
    /// How often something is killed.
    pub deaths: usize,
    /// What all choices follow from.
    pub seed: u64,
}

/// What was seen of it.
#[derive(Debug)]
pub struct EditingReport {
    /// Changes that were answered with success, undo and redo at the end included.
    pub acknowledged: usize,
    /// Changes of the shared scene that were refused because others were faster.
    pub refused: usize,
    /// Changes that nobody answered for.
    pub unknown: usize,
    /// Commits that were told, and those of them that nobody was answered for.
    pub commits: usize,
    /// Commits of changes that nobody was answered for.
    pub unanswered_commits: usize,
    /// Snapshots that subscribers took, and how often they got what they had missed instead.
    pub snapshots: usize,
    /// How often subscribers got what they had missed.
    pub recoveries: usize,
    /// What was killed.
    pub deaths: usize,
    /// How long it took.
    pub length: Duration,
}

/// Says the seed when it fails.
struct SeedIfFailed(u64);

impl Drop for SeedIfFailed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "shown with the failed test")]
            {
                eprintln!("the seed was {}", self.0);
            }
        }
    }
}

/// Lets people edit while replicas and Redis die. Panics where an acknowledged change is lost, anything is
/// told twice, in another order or not at all, undo or redo returns to another scene than the earlier, or
/// anybody's copy differs from the server's.
pub async fn edit(plan: EditingPlan) -> EditingReport {
    let begin = Instant::now();
    let _seed = SeedIfFailed(plan.seed);
    let mut fleet = start(plan.net).await;
    let replicas = (1..=REPLICAS[0]).map(|number| fleet.url(&format!("layer-service-{number}")));
    let replicas: Vec<String> = replicas.collect();
    let watcher = fleet.token(UserId::generate(), "watcher", Role::Viewer);
    let scenes = Api::new(&replicas[0]).with_token(&watcher);
    let on_air = scenes.get("/api/scenes").await.expect(200).body["first"].clone();
    let on_air = on_air.as_str().unwrap().to_owned();

    let mut seeds = Rng::with_seed(plan.seed);
    let mut people = Vec::new();
    for number in 0..plan.people {
        let token = fleet.token(
            UserId::generate(),
            &format!("person {number}"),
            Role::Operator,
        );
        let apis = replicas.iter().map(|url| Api::new(url).with_token(&token));
        let line = Line::new(apis.collect(), seeds.fork());
        people.push(Person::new(number, seeds.fork(), line, &on_air).await);
    }
    let (end, witnesses) = watch_all(&fleet, &watcher, &on_air);

    let left = Arc::new(AtomicUsize::new(plan.operations));
    let editing = people.into_iter().map(|mut person| {
        let left = Arc::clone(&left);
        tokio::spawn(async move {
            while take_one(&left) {
                person.act().await;
            }
            person
        })
    });
    let editing: Vec<JoinHandle<Person>> = editing.collect();
    kill_in_turns(&mut fleet, &plan, &left, &editing).await;
    let mut people = Vec::new();
    for person in editing {
        people.push(person.await.expect("nothing went wrong for a person"));
    }
    for person in &mut people {
        person.there_and_back().await;
    }

    let bus = fleet.redis().bus("test");
    let stream = StreamId::default();
    let position = bus.current_position(&stream, Channel::LayerUpdates);
    let position = position.await.unwrap().unwrap();
    // Nobody listens any more where all of them have failed, which their results say.
    let _ = end.send(Some(position.offset));
    let history = History::read(&bus, &on_air).await;
    let seen = join_all(witnesses).await;
    let seen: Vec<Seen> = seen.into_iter().map(Result::unwrap).collect();
    let mut report = compare(&history, &mut people, &on_air, &seen).await;
    report.deaths = plan.deaths;
    report.length = begin.elapsed();
    report
}

async fn start(net: &'static str) -> Fleet {
    let [editors, fanouts] = REPLICAS;
    let replicas = [
        ("stream-control", 1),
        ("layer-service", editors),
        ("ws-fanout", fanouts),
    ];
    let settings = [
        ("", "SM__TELEMETRY__LOG", "warn"),
        // As fast as they can, which is faster than people are let.
        ("", "SM__HTTP__LIMITS__READ__REQUESTS", "1000000"),
        ("", "SM__HTTP__LIMITS__WRITE__REQUESTS", "1000000"),
        // Waiting for a busy machine is no failure here.
        ("", "SM__REDIS__TIMEOUT_MS", "10000"),
        ("layer-service", "SM__SCENE__WRITE_TIMEOUT_MS", "20000"),
        ("layer-service", "SM__SCENE__ATTEMPTS_MAX", "1000"),
        // Each change is a step of its own, and everything that was told can be read at the end.
        ("layer-service", "SM__SCENE__HISTORY_JOIN_MS", "0"),
        ("layer-service", "SM__REDIS__HISTORY_MAX", "1000000"),
    ];
    Fleet::start(net, &replicas, &settings).await
}

/// A subscriber at each replica of ws-fanout, and one that goes from one to the other.
fn watch_all(
    fleet: &Fleet,
    token: &str,
    scene: &str,
) -> (watch::Sender<Option<u64>>, Vec<JoinHandle<Seen>>) {
    let (sender, end) = watch::channel(None);
    let urls = (1..=REPLICAS[1]).map(|number| {
        let url = fleet.url(&format!("ws-fanout-{number}"));
        format!("{}/ws", url.replacen("http", "ws", 1))
    });
    let urls: Vec<String> = urls.collect();
    let mut routes: Vec<Vec<String>> = urls.iter().map(|url| vec![url.clone()]).collect();
    routes.push(urls);
    let witnesses = routes.into_iter().map(|urls| {
        let witness = Witness {
            urls,
            token: token.to_owned(),
            scene: scene.to_owned(),
            end: end.clone(),
        };
        tokio::spawn(witness.watch())
    });
    let witnesses = witnesses.collect();
    (sender, witnesses)
}

/// Takes one of what is left to do.
fn take_one(left: &AtomicUsize) -> bool {
    let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
        left.checked_sub(1)
    });
    taken.is_ok()
}

/// Kills one process after the other, spread over what is done.
async fn kill_in_turns(
    fleet: &mut Fleet,
    plan: &EditingPlan,
    left: &AtomicUsize,
    editing: &[JoinHandle<Person>],
) {
    for (death, victim) in (1..=plan.deaths).zip(VICTIMS.iter().cycle()) {
        let until_then = plan.operations * (plan.deaths + 1 - death) / (plan.deaths + 1);
        until("enough has been done", PATIENCE, || async {
            let stopped = editing.iter().any(JoinHandle::is_finished);
            stopped || left.load(Ordering::Relaxed) <= until_then
        })
        .await;
        if *victim == "redis" {
            fleet.restart_redis();
        } else {
            fleet.restart(victim).await;
        }
    }
}

async fn compare(
    history: &History,
    people: &mut [Person],
    on_air: &str,
    seen: &[Seen],
) -> EditingReport {
    let acknowledged = people.iter().map(|person| &person.acknowledged);
    let acknowledged: Vec<_> = acknowledged.flatten().cloned().collect();
    let answered = ledger::find_all(&acknowledged, history);
    let unknown: usize = people.iter().map(|person| person.line.unknown).sum();
    let unanswered = history.commits.len() - answered.len();
    assert!(
        unanswered <= unknown,
        "{unanswered} commits that nobody was answered for, after {unknown} unknown outcomes"
    );
    for person in people.iter_mut() {
        let room = &person.room;
        let (revision, layers) = person.line.agreed_layers(&room.scene).await;
        assert_eq!((revision, &layers), (room.revision, &room.layers));
        let told = &history.scenes[&room.scene];
        assert_eq!((told.revision, &told.layers), (revision, &layers));
    }
    let line = &mut people[0].line;
    let (revision, layers) = line.agreed_layers(on_air).await;
    let told = &history.scenes[on_air];
    assert_eq!((told.revision, &told.layers), (revision, &layers));
    for seen in seen {
        assert_eq!((seen.copy.revision, &seen.copy.layers), (revision, &layers));
    }
    let list = line.get("/api/scenes").await.expect(200).body;
    let order = list["scenes"].as_array().unwrap().iter();
    let order: Vec<_> = order.map(|scene| scene["id"].clone()).collect();
    assert_eq!(json!(order), json!(history.order));
    EditingReport {
        acknowledged: acknowledged.len(),
        refused: people.iter().map(|person| person.commons.refused).sum(),
        unknown,
        commits: history.commits.len(),
        unanswered_commits: unanswered,
        snapshots: seen.iter().map(|seen| seen.snapshots).sum(),
        recoveries: seen.iter().map(|seen| seen.recoveries).sum(),
        deaths: 0,
        length: Duration::ZERO,
    }
}
