//! The HTTP contract of layer-service, against a real Redis and a real directory.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod access;
mod app;
mod assets;
mod attack_table;
mod attacks;
mod batch;
mod bodies;
mod busy_host;
mod capacity;
mod concurrency;
mod content;
mod copies;
mod drafts;
mod events;
mod first_scene;
mod full_disk;
mod groups;
mod history;
mod ingest;
mod layers;
mod network;
mod object_store;
mod operations;
mod order;
mod outage;
mod own_templates;
mod playback;
mod resumable;
mod scene_files;
mod scenes;
mod schedules;
mod templates;
mod thumbnails;
mod variables;
