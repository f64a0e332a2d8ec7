//! A hasher for keys that are hashes already: one multiplication instead of a whole hash function.
//!
//! The seed is drawn once per process, so that nobody can aim keys at one bucket. It must only be used for keys
//! that are 16 uniformly distributed bytes (member keys, identifier hashes, claims).

use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;

/// Builds [`KeyHasher`]s.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyHash;

/// Folds 16 bytes of hash into one number.
#[derive(Clone, Copy, Debug)]
pub struct KeyHasher(u64);

static SEED: LazyLock<u64> = LazyLock::new(|| random() | 1);

/// A random number, from what the standard library seeds its hash maps with.
#[must_use]
pub fn random() -> u64 {
    std::hash::RandomState::new().build_hasher().finish()
}

impl BuildHasher for KeyHash {
    type Hasher = KeyHasher;

    fn build_hasher(&self) -> KeyHasher {
        KeyHasher(*SEED)
    }
}

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        let Some((low, rest)) = bytes.split_first_chunk::<8>() else { return };
        let high = rest.first_chunk::<8>().map_or(0, |high| u64::from_le_bytes(*high));
        let product = u128::from(u64::from_le_bytes(*low) ^ self.0) * u128::from(high ^ self.0.rotate_left(32));
        let [a, b] = [product as u64, (product >> 64) as u64];
        self.0 = a ^ b;
    }

    /// The length of an array, which is always the same.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
