//! What the gate lets through, what waits, and what it refuses. A file per property.

mod passing;
