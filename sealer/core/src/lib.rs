//! What sealer decides, without touching the world.
