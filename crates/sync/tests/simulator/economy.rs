//! What a meeting costs.
