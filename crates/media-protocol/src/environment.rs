/// What a worker's environment holds beside its host's own, by name and value. It has to be there
/// before the process starts, and gives way to what is set already.
///
/// Every source and output that comes back has threads of its own, and glibc gives threads heaps of
/// their own, eight for each core. What dies leaves its heap in pieces, so that a program whose
/// sources come and go takes more and more memory without using it. Two heaps are enough: what is
/// large and frequent comes from pools.
pub const ENVIRONMENT: [(&str, &str); 1] = [("MALLOC_ARENA_MAX", "2")];
