//! Connections, subscriptions, recovery and chat.
