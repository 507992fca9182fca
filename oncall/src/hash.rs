//! Fixed hashes: the same on every machine, in every version, after every restart.

const OFFSET_64: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME_64: u64 = 0x0000_0100_0000_01b3;

/// FNV-1a over bytes, 64 bits (RFC 9923).
pub(crate) fn fnv_64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(OFFSET_64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME_64))
}

/// Spreads every input bit over the result: the finalizer of Vigna's SplitMix64.
pub(crate) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hashes_are_the_published_ones() {
        assert_eq!(fnv_64(b""), OFFSET_64);
        assert_eq!(fnv_64(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv_64(b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(mix(0), 0);
    }
}
