//! Samples, rollups and what they say.
