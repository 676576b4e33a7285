use std::net::SocketAddr;
use std::process::Command;

use crate::Stack;

/// Where the native stack's Redis listens, beside Traefik.
pub const REDIS_PORT: u16 = 6390;

/// The stack's Redis, as its administrator reaches it.
#[derive(Debug)]
pub struct RedisControl {
    address: SocketAddr,
    password: String,
}

impl RedisControl {
    /// That of `stack`.
    pub fn of(stack: &Stack) -> Self {
        let password = std::fs::read_to_string(stack.data().join("secrets/redis-password"));
        Self {
            address: stack.redis_address(),
            password: password.unwrap().trim().to_owned(),
        }
    }

    /// Runs a command; panics where it is refused.
    pub fn run(&self, command: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .env("REDISCLI_AUTH", &self.password)
            .args(["-h", &self.address.ip().to_string()])
            .args(["-p", &self.address.port().to_string()])
            .arg("-e")
            .args(command)
            .output()
            .expect("redis-cli is installed");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{command:?}: {said}");
        said
    }
}
