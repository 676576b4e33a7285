//! The data plane: leases, media workers, and the picture at /live.
