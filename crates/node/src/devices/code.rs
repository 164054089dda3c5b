//! The code that two devices show while they are paired, so that their person sees that they talk to each other.
//!
//! The new device commits to its nonce before the other says its own, and shows it after that: neither can choose so that a
//! code comes out that it wants, and somebody between the two, who has to say other nonces or keys to each, makes them show
//! different codes (all but once in a million). This is the numeric comparison of Bluetooth (Core Specification, volume 2,
//! part H, 7.2.1), with the ticket's secret as a further part.

use commonplace_model::DeviceId;

/// Half of what a code is made from, random bytes of one side.
pub(crate) type Nonce = [u8; 32];
/// A ticket's secret.
pub(crate) type Secret = [u8; 16];

/// The two devices that are paired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    /// The one that asks.
    pub(crate) new: DeviceId,
    /// The one that made the ticket.
    pub(crate) old: DeviceId,
    /// The ticket's secret.
    pub(crate) secret: Secret,
}

impl Pair {
    /// What the new device says first: it binds it to its nonce and tells nothing of it.
    pub(crate) fn commitment(&self, nonce: &Nonce) -> blake3::Hash {
        self.hash("commonplace/pairing/commitment/1", &[nonce])
    }

    /// Shows that the new device has the ticket, without telling its secret.
    pub(crate) fn proof(&self, commitment: &blake3::Hash) -> blake3::Hash {
        self.hash("commonplace/pairing/proof/1", &[commitment.as_bytes()])
    }

    /// Six digits in two groups.
    pub(crate) fn code(&self, new: &Nonce, old: &Nonce) -> String {
        let hash = self.hash("commonplace/pairing/code/1", &[new, old]);
        let number = hash.as_bytes()[..8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)) % 1_000_000;
        format!("{:03} {:03}", number / 1_000, number % 1_000)
    }

    fn hash(&self, what: &str, parts: &[&[u8; 32]]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_derive_key(what);
        hasher.update(self.new.as_bytes()).update(self.old.as_bytes()).update(&self.secret);
        for part in parts {
            hasher.update(*part);
        }
        hasher.finalize()
    }
}

/// Whether somebody gave this code, whatever stands between its digits.
pub(crate) fn is_code(code: &str, given: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    !given.chars().any(char::is_alphabetic) && digits(code) == digits(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(n: u8) -> DeviceId {
        DeviceId::new([n; 32])
    }

    const SECRET: Secret = [5; 16];

    #[test]
    fn both_sides_show_the_same_six_digits() {
        let pair = Pair { new: device(1), old: device(2), secret: SECRET };
        let code = pair.code(&[3; 32], &[4; 32]);
        assert_eq!(code, pair.code(&[3; 32], &[4; 32]));
        assert_eq!((code.len(), code.as_bytes()[3]), (7, b' '));
        assert!(is_code(&code, &code.replace(' ', "")) && is_code(&code, &code.replace(' ', "-")));
        assert!(!is_code(&code, "") && !is_code(&code, &code[..6]) && !is_code(&code, &format!("x{code}")));
    }

    #[test]
    fn everything_that_was_said_is_in_the_code_and_in_what_binds_to_it() {
        let pair = Pair { new: device(1), old: device(2), secret: SECRET };
        let (code, commitment) = (pair.code(&[3; 32], &[4; 32]), pair.commitment(&[3; 32]));
        for other in [
            Pair { new: device(9), ..pair },
            Pair { old: device(9), ..pair },
            Pair { secret: [6; 16], ..pair },
            Pair { new: pair.old, old: pair.new, ..pair },
        ] {
            assert_ne!(other.code(&[3; 32], &[4; 32]), code);
            assert_ne!(other.commitment(&[3; 32]), commitment);
            assert_ne!(other.proof(&commitment), pair.proof(&commitment));
        }
        assert_ne!(pair.code(&[9; 32], &[4; 32]), code);
        assert_ne!(pair.code(&[3; 32], &[9; 32]), code);
        assert_ne!(pair.code(&[4; 32], &[3; 32]), code, "the two nonces are not the same to it");
        assert_ne!(pair.commitment(&[9; 32]), commitment);
    }

    #[test]
    fn somebody_who_relays_between_the_two_makes_them_show_different_codes() {
        // Mallory has the ticket, is the old device to the new one and the new device to the old one, and says on what it
        // hears: the connection proves its key to both all the same.
        let (new, old, mallory) = (device(1), device(2), device(3));
        let (theirs, ours) = ([7; 32], [8; 32]);
        let at_new = Pair { new, old: mallory, secret: SECRET };
        let at_old = Pair { new: mallory, old, secret: SECRET };
        assert_ne!(at_new.code(&theirs, &ours), at_old.code(&theirs, &ours));
        // A commitment that is relayed as it is opens to nothing on the other side.
        assert_ne!(at_new.commitment(&theirs), at_old.commitment(&theirs));
        // To show the old device the code of the new one, it would have to find a nonce after it was bound to one: of a
        // thousand that it may try beforehand, not knowing the old one's, none is likely to do.
        let wanted = at_new.code(&theirs, &[9; 32]);
        let hits = (0..1_000_u16).filter(|n| {
            let mut nonce = [0; 32];
            nonce[..2].copy_from_slice(&n.to_le_bytes());
            at_old.code(&nonce, &ours) == wanted
        });
        assert_eq!(hits.count(), 0);
    }
}
