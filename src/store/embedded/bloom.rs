//! A filter that says "never seen" for certain and "perhaps seen" otherwise, in one line of the processor's cache.
//!
//! It takes fingerprints that are hashes already.

const WORDS: usize = 8;

/// A blocked Bloom filter: eight bits of one block for each fingerprint.
pub struct Bloom(Vec<[u64; WORDS]>);

/// Odd multipliers, one for each word: they draw eight different bits from one number.
const SALTS: [u64; WORDS] = [
    0x9e37_79b9_7f4a_7c15,
    0xbf58_476d_1ce4_e5b9,
    0x94d0_49bb_1331_11eb,
    0xd6e8_feb8_6659_fd93,
    0xa076_1d64_78bd_642f,
    0xe703_7ed1_a0b4_28db,
    0x8ebc_6af0_9c88_c6e3,
    0x5899_65cc_7537_4cc3,
];

impl Bloom {
    /// A filter for so many fingerprints, at 16 bits each: about one in two thousand unseen ones will be "perhaps".
    #[must_use]
    pub fn for_count(count: usize) -> Self {
        Self(vec![[0; WORDS]; (count / 32).next_power_of_two().max(1)])
    }

    /// Remembers a fingerprint.
    pub fn insert(&mut self, print: u64) {
        let at = self.block(print);
        if let Some(block) = self.0.get_mut(at) {
            block.iter_mut().zip(bits(print)).for_each(|(word, bit)| *word |= bit);
        }
    }

    /// Whether a fingerprint was perhaps remembered.
    #[must_use]
    pub fn may_hold(&self, print: u64) -> bool {
        let block = self.0.get(self.block(print));
        block.is_some_and(|block| block.iter().zip(bits(print)).all(|(word, bit)| word & bit != 0))
    }

    const fn block(&self, print: u64) -> usize {
        // The number of blocks is a power of two; the low bits choose, the bits within a block come from all of it.
        print as usize & (self.0.len() - 1)
    }
}

fn bits(print: u64) -> impl Iterator<Item = u64> {
    SALTS.into_iter().map(move |salt| 1 << (print.wrapping_mul(salt) >> 58))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_forgets_and_seldom_imagines() {
        let print = |n: u64| crate::store::format::check_of(&[&n.to_le_bytes()]);
        let mut bloom = Bloom::for_count(100_000);
        (0..100_000).for_each(|n| bloom.insert(print(n)));
        assert!((0..100_000).all(|n| bloom.may_hold(print(n))));
        let imagined = (100_000..200_000).filter(|n| bloom.may_hold(print(*n))).count();
        assert!(imagined < 200, "{imagined} of 100000");
    }
}
