//! Redis: connections, key names, atomic commits, events with positions, leases.
