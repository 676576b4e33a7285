//! What a process gives up before it reads a file that anybody may have made.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, PathBeneath, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, Scope, path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use crate::order::Limits;

/// The newest rules of the kernel that are asked for. An older kernel has fewer, and does what it
/// can.
const LANDLOCK: ABI = ABI::V6;
/// Open files of the process, at most: the plugins of GStreamer open some at a time.
const FILES_MAX: u64 = 256;

/// Why a process cannot be confined.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A limit of a resource cannot be set.
    #[error("a resource cannot be limited")]
    Resource(#[source] rustix::io::Errno),
    /// The rules for files cannot be set.
    #[error("files cannot be fenced off")]
    Files(#[source] RulesetError),
    /// The rules for system calls cannot be set.
    #[error("system calls cannot be fenced off")]
    Calls(#[source] seccompiler::Error),
    /// There are none for this machine.
    #[error("system calls cannot be fenced off on this machine")]
    Machine(#[source] seccompiler::BackendError),
}

impl SandboxError {
    /// What the system says of it.
    pub(crate) fn cause(&self) -> String {
        let source = std::error::Error::source(self);
        source.map(ToString::to_string).unwrap_or_default()
    }
}

/// Confines this process, its later threads included, for good: so much memory and CPU time and no
/// more; no file but `file` and what is below `readable`, and none to be written; no socket, no
/// program, no process, no way to look into another; and it ends with whoever started it.
pub fn confine(file: &File, limits: &Limits, readable: &[&Path]) -> Result<(), SandboxError> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(SandboxError::Resource)?;
    for (resource, maximum) in [
        (Resource::Data, limits.memory_bytes_max),
        (Resource::Cpu, limits.cpu_s_max),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
        (Resource::Nofile, FILES_MAX),
    ] {
        limit(resource, maximum)?;
    }
    rustix::thread::set_no_new_privs(true).map_err(SandboxError::Resource)?;
    fence_files(file, readable).map_err(SandboxError::Files)?;
    fence_calls()
}

/// Lowers a limit. One that is lower already stays.
fn limit(resource: Resource, maximum: u64) -> Result<(), SandboxError> {
    let found = rustix::process::getrlimit(resource);
    let lowest = |found: Option<u64>| Some(found.map_or(maximum, |found| found.min(maximum)));
    let limit = Rlimit {
        current: lowest(found.current),
        maximum: lowest(found.maximum),
    };
    setrlimit(resource, limit).map_err(SandboxError::Resource)
}

fn fence_files(file: &File, readable: &[&Path]) -> Result<(), RulesetError> {
    Ruleset::default()
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?
        // What does not exist is left out.
        .add_rules(path_beneath_rules(readable, AccessFs::from_read(LANDLOCK)))?
        .add_rule(PathBeneath::new(file, AccessFs::ReadFile))?
        .restrict_self()?;
    Ok(())
}

/// Calls that nobody needs who decodes a file, and that lead out of the process.
const FORBIDDEN: [libc::c_long; 24] = [
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kill,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
];

/// Calls of old that only some machines have.
#[cfg(target_arch = "x86_64")]
const FORBIDDEN_HERE: [libc::c_long; 2] = [libc::SYS_fork, libc::SYS_vfork];
#[cfg(not(target_arch = "x86_64"))]
const FORBIDDEN_HERE: [libc::c_long; 0] = [];

fn fence_calls() -> Result<(), SandboxError> {
    let mut forbidden: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for call in FORBIDDEN.into_iter().chain(FORBIDDEN_HERE) {
        forbidden.insert(call, Vec::new());
    }
    // A thread is made with this flag, a process without.
    let thread = u64::try_from(libc::CLONE_THREAD).unwrap_or_default();
    let process = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(thread),
        0,
    )
    .and_then(|without| SeccompRule::new(vec![without]))
    .map_err(SandboxError::Machine)?;
    forbidden.insert(libc::SYS_clone, vec![process]);
    // The flags of this call cannot be seen from outside; who is told that there is none uses the
    // one above.
    let unseen = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    for (calls, error) in [(forbidden, libc::EPERM), (unseen, libc::ENOSYS)] {
        let program = program(calls, error).map_err(SandboxError::Machine)?;
        seccompiler::apply_filter_all_threads(&program).map_err(SandboxError::Calls)?;
    }
    Ok(())
}

fn program(
    calls: BTreeMap<i64, Vec<SeccompRule>>,
    error: i32,
) -> Result<BpfProgram, seccompiler::BackendError> {
    let error = SeccompAction::Errno(u32::try_from(error).unwrap_or_default());
    let machine = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(calls, SeccompAction::Allow, error, machine)?.try_into()
}
