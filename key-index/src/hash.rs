//! The seeded hash of keys. Part of the snapshot format: it may not change within a major version.
//!
//! Two lanes of xor, 64-bit multiply and rotate, then the finaliser of `MurmurHash3`. There is no
//! 64×64→128-bit multiply, which costs several times more in WebAssembly than natively.
//! It spreads keys over buckets; it is no defence: the index bounds its probes by itself.

/// Odd constants with well-mixed bits (the first two primes of xxHash64).
const K1: u64 = 0x9E37_79B1_85EB_CA87;
const K2: u64 = 0xC2B2_AE3D_27D4_EB4F;

#[inline]
fn absorb(mut a: u64, mut b: u64, bytes: &[u8]) -> (u64, u64) {
    let (pairs, rest) = bytes.as_chunks::<16>();
    for pair in pairs {
        let word = u128::from_le_bytes(*pair);
        a = (a ^ word as u64).wrapping_mul(K1).rotate_left(29);
        b = (b ^ (word >> 64) as u64).wrapping_mul(K2).rotate_left(31);
    }
    let (words, tail) = rest.as_chunks::<8>();
    for word in words {
        a = (a ^ u64::from_le_bytes(*word))
            .wrapping_mul(K1)
            .rotate_left(29);
    }
    let len = tail.len() as u32;
    let last = if let Some(end) = bytes.last_chunk::<8>() {
        // The tail is what the last eight bytes end with, the first of its bytes the highest.
        let tail = u64::from_be_bytes(*end) & ((1 << (8 * len)) - 1);
        (u64::from(len) << (8 * len)) | tail
    } else {
        tail.iter()
            .fold(u64::from(len), |last, byte| (last << 8) | u64::from(*byte))
    };
    // The length closes a part, so that ("ab", "c") and ("a", "bc") differ.
    b = (b ^ last ^ ((bytes.len() as u64) << 56))
        .wrapping_mul(K2)
        .rotate_left(31);
    (a, b)
}

/// Hash of a key of that type, domain and folded value.
#[must_use]
#[inline]
pub fn key_hash(seed: u64, key_type: u8, domain: &[u8], value: &[u8]) -> u64 {
    let (a, b) = absorb(
        seed ^ K2,
        seed.rotate_left(32) ^ (u64::from(key_type) << 48),
        domain,
    );
    let (a, b) = absorb(a, b, value);
    let mut h = a ^ b.rotate_left(17);
    h ^= h >> 33;
    h = h.wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    h ^= h >> 33;
    h = h.wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    h ^ (h >> 33)
}

/// The bucket in which the probe of a hash starts.
#[must_use]
#[inline]
pub const fn home_bucket(hash: u64, buckets: u32) -> u32 {
    (((hash >> 32) * buckets as u64) >> 32) as u32
}

/// The tag of a hash; never 0, which marks an empty slot.
#[must_use]
#[inline]
pub const fn tag(hash: u64) -> u16 {
    let tag = hash as u16;
    if tag == 0 { 1 } else { tag }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(key_hash(1, 1, b"ab", b"c"), key_hash(1, 1, b"a", b"bc"));
        assert_ne!(key_hash(1, 1, b"", b"abc"), key_hash(1, 2, b"", b"abc"));
        assert_ne!(key_hash(1, 1, b"", b"abc"), key_hash(2, 1, b"", b"abc"));
        assert_ne!(key_hash(1, 1, b"", b"abc"), key_hash(1, 1, b"", b"abc\0"));
    }

    /// The format depends on these values: a change here makes every index unreadable.
    #[test]
    fn values_are_frozen() {
        assert_eq!(key_hash(0, 1, b"", b""), FROZEN[0]);
        assert_eq!(
            key_hash(7, 1, b"", b"arn:aws:iam::123456789012:role/ci/deployer"),
            FROZEN[1]
        );
        assert_eq!(
            key_hash(7, 30, b"prod-eu", b"system:serviceaccount:payments:api"),
            FROZEN[2]
        );
    }
    const FROZEN: [u64; 3] = [
        0xC53B_C7E3_CB8C_DBEB,
        0x1062_888E_F60A_1CE4,
        0x477A_D0B3_A7F1_8D36,
    ];

    /// The tail of a part is read with what stands before it: the value is that of byte after byte.
    #[test]
    fn tails_are_read_as_bytes() {
        let text: [u8; 40] = core::array::from_fn(|n| n as u8 ^ 0xA5);
        for len in 0..=text.len() {
            let part = &text[..len];
            let (mut a, mut b) = (7_u64, 9_u64);
            for pair in part.as_chunks::<16>().0 {
                let word = u128::from_le_bytes(*pair);
                a = (a ^ word as u64).wrapping_mul(K1).rotate_left(29);
                b = (b ^ (word >> 64) as u64).wrapping_mul(K2).rotate_left(31);
            }
            let rest = &part[len / 16 * 16..];
            for word in rest.as_chunks::<8>().0 {
                a = (a ^ u64::from_le_bytes(*word))
                    .wrapping_mul(K1)
                    .rotate_left(29);
            }
            let tail = &rest[rest.len() / 8 * 8..];
            let last = tail
                .iter()
                .fold(tail.len() as u64, |last, byte| last << 8 | u64::from(*byte));
            b = (b ^ last ^ ((len as u64) << 56))
                .wrapping_mul(K2)
                .rotate_left(31);
            assert_eq!(absorb(7, 9, part), (a, b), "{len} bytes");
        }
    }

    #[test]
    fn spreads_evenly() {
        let mut counts = [0_u32; 64];
        for n in 0_u32..64_000 {
            let hash = key_hash(3, 2, b"", &n.to_le_bytes());
            counts[home_bucket(hash, 64) as usize] += 1;
        }
        // Mean 1000, standard deviation 31: five of them leave room for chance, none for a bias.
        assert!(
            counts.iter().all(|count| (840..1160).contains(count)),
            "{counts:?}"
        );
    }
}
