//! The desired state of every stream, its legal transitions, operations and audit.
