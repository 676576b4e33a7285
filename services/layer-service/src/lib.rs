//! Layers, scenes and assets.
