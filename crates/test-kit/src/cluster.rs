use std::fs::File;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sm_bus::{Bus, BusConfig};
use sm_common::clock::SystemClock;
use sm_common::id::InstanceId;
use tempfile::TempDir;

use crate::redis::directory;
use crate::wait::until_blocking;

/// Longest wait for servers that run to find each other.
const PATIENCE: Duration = Duration::from_secs(20);
/// Slots of a cluster.
const SLOTS: usize = 16_384;
/// Masters of this one.
const NODES: usize = 3;

/// A Redis Cluster of three masters, of this test alone. Ends with the value.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Node>,
    directory: TempDir,
}

#[derive(Debug)]
struct Node {
    child: Option<Child>,
    port: u16,
    /// Where the others talk to it.
    bus_port: u16,
}

impl RedisCluster {
    /// Starts the servers, and waits until together they serve every slot.
    pub fn start() -> Self {
        let nodes = (0..NODES).map(|_| Node {
            child: None,
            port: free_port(),
            bus_port: free_port(),
        });
        let mut cluster = Self {
            nodes: nodes.collect(),
            directory: directory(),
        };
        for number in 0..NODES {
            cluster.restart(number);
        }
        for number in 0..NODES {
            let first = SLOTS * number / NODES;
            let last = SLOTS * (number + 1) / NODES - 1;
            let (first, last) = (first.to_string(), last.to_string());
            let epoch = (number + 1).to_string();
            cluster.ask(number, &["cluster", "addslotsrange", &first, &last]);
            cluster.ask(number, &["cluster", "set-config-epoch", &epoch]);
        }
        for other in 1..NODES {
            let Node { port, bus_port, .. } = &cluster.nodes[other];
            let (port, bus_port) = (port.to_string(), bus_port.to_string());
            cluster.ask(0, &["cluster", "meet", "127.0.0.1", &port, &bus_port]);
        }
        cluster.until_whole();
        cluster
    }

    /// The addresses for a service's configuration.
    pub fn url(&self) -> String {
        let urls = self.nodes.iter();
        let urls: Vec<_> = urls
            .map(|node| format!("redis://127.0.0.1:{}/", node.port))
            .collect();
        urls.join(",")
    }

    /// A connection for the test itself, as a process of `service`.
    pub fn bus(&self, service: &str) -> Bus {
        let config = BusConfig {
            cluster: true,
            timeout_ms: u64::try_from(PATIENCE.as_millis()).unwrap(),
            ..BusConfig::at(self.url())
        };
        let instance = InstanceId::generate(service);
        Bus::new(config, service, instance, SystemClock::shared()).unwrap()
    }

    /// The node that serves a key.
    pub fn node_of(&self, key: &str) -> usize {
        let slot: usize = self.ask(0, &["cluster", "keyslot", key]).parse().unwrap();
        (0..NODES)
            .find(|number| slot < SLOTS * (number + 1) / NODES)
            .unwrap()
    }

    /// What a node answers to a command.
    pub fn ask(&self, node: usize, command: &[&str]) -> String {
        self.try_ask(node, command).expect("the node answers")
    }

    /// Kills a node, as a power cut would.
    pub fn kill(&mut self, node: usize) {
        if let Some(mut child) = self.nodes[node].child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts a node again, with its data, and waits until it answers.
    pub fn restart(&mut self, number: usize) {
        self.kill(number);
        let directory = self.directory.path().join(number.to_string());
        std::fs::create_dir_all(&directory).unwrap();
        let log = File::create(directory.join("log")).unwrap();
        let node = &mut self.nodes[number];
        let child = Command::new("redis-server")
            .args(["--port", &node.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--cluster-enabled", "yes"])
            .args(["--cluster-port", &node.bus_port.to_string()])
            .args(["--cluster-config-file", "nodes.conf"])
            .args(["--dir", &directory.display().to_string()])
            .args(["--appendonly", "yes", "--appendfsync", "always"])
            .args(["--save", ""])
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        node.child = Some(child);
        until_blocking("the node answers", PATIENCE, || {
            self.try_ask(number, &["ping"]).as_deref() == Some("PONG")
        });
    }

    /// Waits until every node knows all others and serves.
    pub fn until_whole(&self) {
        for number in 0..NODES {
            until_blocking("the cluster is whole", PATIENCE, || {
                let info = self.try_ask(number, &["cluster", "info"]);
                info.is_some_and(|info| {
                    info.contains("cluster_state:ok")
                        && info.contains(&format!("cluster_known_nodes:{NODES}"))
                })
            });
        }
    }

    fn try_ask(&self, node: usize, command: &[&str]) -> Option<String> {
        let port = self.nodes[node].port.to_string();
        let answer = Command::new("redis-cli")
            .args(["-p", &port])
            .args(command)
            .output()
            .ok()?;
        let answer = String::from_utf8(answer.stdout).ok()?;
        Some(answer.trim().to_owned())
    }
}

impl Drop for RedisCluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            if let Some(child) = &mut node.child {
                // The test is over either way.
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
