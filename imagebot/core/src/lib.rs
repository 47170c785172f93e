//! What imagebot decides, without touching the world.
