//! How every service starts, stops, logs, authenticates and answers errors.
