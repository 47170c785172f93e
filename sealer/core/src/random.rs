//! The randomness of aws-lc-rs, where no generator is passed in.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};

/// Draws from aws-lc-rs, which seeds itself from the system.
pub(crate) struct System;

impl TryRng for System {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        aws_lc_rs::rand::fill(bytes).expect("the system has randomness");
        Ok(())
    }
}

impl TryCryptoRng for System {}
