//! The hash that assigns users to shards, and an estimate of the number of users in constant
//! memory.

/// The hash of a user id, which decides the shard. It must not change between versions.
///
/// It is FNV-1a with the finaliser of MurmurHash3, since FNV's high bits mix poorly.
pub(crate) fn user_hash(id: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in id.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// The shard of a user.
pub(crate) fn shard_of(id: &str, shards: usize) -> usize {
    (user_hash(id) % shards.max(1) as u64) as usize
}

/// The binary logarithm of the number of registers; the standard error is 1.04 / √4096 ≈ 1.6 %.
const BITS: u32 = 12;

/// HyperLogLog: an estimate of the number of distinct hashes.
pub(crate) struct DistinctCounter {
    registers: Vec<u8>,
}

impl DistinctCounter {
    pub(crate) fn new() -> Self {
        Self {
            registers: vec![0; 1 << BITS],
        }
    }

    pub(crate) fn add(&mut self, hash: u64) {
        let register = &mut self.registers[(hash >> (64 - BITS)) as usize];
        let rank = ((hash << BITS) | (1 << (BITS - 1))).leading_zeros() + 1;
        *register = (*register).max(rank as u8);
    }

    pub(crate) fn estimate(&self) -> u64 {
        let m = self.registers.len() as f64;
        let sum: f64 = self
            .registers
            .iter()
            .map(|rank| (-f64::from(*rank)).exp2())
            .sum();
        let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
        let empty = self.registers.iter().filter(|rank| **rank == 0).count();
        // For few users, counting the empty registers is more accurate.
        let estimate = if raw <= 2.5 * m && empty > 0 {
            m * (m / empty as f64).ln()
        } else {
            raw
        };
        estimate.round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_fixed() {
        // The shards of existing stores depend on these values.
        assert_eq!(user_hash(""), 0xefd0_1f60_ba99_2926);
        assert_eq!(user_hash("a"), 0x82a2_a958_a9be_ce5b);
    }

    #[test]
    fn estimates_are_close() {
        for users in [0_u64, 1, 10, 2_000, 20_000, 300_000] {
            let mut counter = DistinctCounter::new();
            for user in 0..users {
                counter.add(user_hash(&user.to_string()));
                counter.add(user_hash(&user.to_string()));
            }
            let error = counter.estimate().abs_diff(users) as f64;
            assert!(
                error <= 0.06 * users as f64,
                "{users}: {}",
                counter.estimate()
            );
        }
    }
}
