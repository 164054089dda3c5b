//! Offers: saying which commons a stream is about so that only those who know it understand.

use commonplace_model::{CommonsId, DeviceId};

/// A keyed hash of the commons for one pair of devices and one nonce. Whoever does not know the commons learns nothing from
/// it, and cannot tell two offers of one commons from offers of two.
pub fn offer(commons: &CommonsId, from: &DeviceId, to: &DeviceId, nonce: &[u8; 16]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(commons.as_bytes());
    hasher.update(b"commonplace/offer/1\0");
    hasher.update(from.as_bytes());
    hasher.update(to.as_bytes());
    hasher.update(nonce);
    *hasher.finalize().as_bytes()
}

/// Whether an offer is about this commons.
pub fn matches(offered: &[u8; 32], commons: &CommonsId, from: &DeviceId, to: &DeviceId, nonce: &[u8; 16]) -> bool {
    // Compared as hashes: in constant time.
    blake3::Hash::from_bytes(*offered) == blake3::Hash::from_bytes(offer(commons, from, to, nonce))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_is_for_one_commons_pair_and_nonce() {
        let (commons, from, to) = (CommonsId::new([1; 32]), DeviceId::new([2; 32]), DeviceId::new([3; 32]));
        let said = offer(&commons, &from, &to, &[4; 16]);
        assert!(matches(&said, &commons, &from, &to, &[4; 16]));
        assert!(!matches(&said, &CommonsId::new([9; 32]), &from, &to, &[4; 16]));
        assert!(!matches(&said, &commons, &to, &from, &[4; 16]));
        assert!(!matches(&said, &commons, &from, &to, &[5; 16]));
    }
}
