//! Where a relay is: a server that passes on what devices send each other when they cannot reach each other directly.
//!
//! Only the form is checked here, and strictly, as others write such addresses too: no name or password, no path, no question.
//! Absent on purpose: whether anything answers there.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Text that is no address of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "A relay’s address is like https://relay.example.org or https://relay.example.org:8443, with nothing behind it"
)]
pub struct RelayError;

/// The address of a relay: `https://` (or `http://`), a host, and perhaps a port. Two that are the same are written the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Relay(String);

impl Relay {
    /// Bytes of an address, at most.
    pub const MAX_BYTES: usize = 200;

    /// Its text, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Relay {
    type Err = RelayError;

    fn from_str(text: &str) -> Result<Self, RelayError> {
        let text = text.trim();
        if text.len() > Self::MAX_BYTES {
            return Err(RelayError);
        }
        let lower = text.to_ascii_lowercase();
        let (scheme, rest) = lower.split_once("://").ok_or(RelayError)?;
        let usual = match scheme {
            "https" => ":443",
            "http" => ":80",
            _ => return Err(RelayError),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let rest = rest.strip_suffix(usual).unwrap_or(rest);
        // A host of IPv6 stands between brackets, as it has colons itself.
        let (host, port) = match rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((host, port)) => (host.parse::<std::net::Ipv6Addr>().is_ok(), port.strip_prefix(':')),
            None => match rest.split_once(':') {
                Some((host, port)) => (is_host(host), Some(port)),
                None => (is_host(rest), None),
            },
        };
        let port_fits = match port {
            Some(port) => port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0),
            None => !rest.ends_with(':') && (!rest.starts_with('[') || rest.ends_with(']')),
        };
        if host && port_fits { Ok(Self(format!("{scheme}://{rest}"))) } else { Err(RelayError) }
    }
}

/// A name or an IPv4 address.
fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && !label.starts_with('-')
    };
    // A dot at the end makes a name complete by itself.
    host.strip_suffix('.').unwrap_or(host).split('.').all(label)
}

impl fmt::Display for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Relay {
    type Error = RelayError;

    fn try_from(text: String) -> Result<Self, RelayError> {
        text.parse()
    }
}

impl From<Relay> for String {
    fn from(relay: Relay) -> Self {
        relay.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_relay_is_written_in_one_way() {
        for (given, kept) in [
            ("https://relay.example.org", "https://relay.example.org"),
            (" HTTPS://Relay.Example.org:443/ ", "https://relay.example.org"),
            ("https://use1-1.relay.example.org./", "https://use1-1.relay.example.org."),
            ("http://10.0.0.1:3340", "http://10.0.0.1:3340"),
            ("https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443"),
            ("https://[2001:db8::1]", "https://[2001:db8::1]"),
        ] {
            let relay: Relay = given.parse().unwrap_or_else(|_| panic!("{given} is an address"));
            assert_eq!(relay.as_str(), kept);
            assert_eq!(relay.as_str().parse(), Ok(relay));
        }
    }

    #[test]
    fn what_is_no_address_of_a_relay_is_not_taken_for_one() {
        for text in [
            "",
            "relay.example.org",
            "ftp://relay.example.org",
            "https://",
            "https://:443",
            "https://a b",
            "https://ada@relay.example.org",
            "https://relay.example.org/path",
            "https://relay.example.org?q",
            "https://relay.example.org#f",
            "https://relay.example.org:",
            "https://relay.example.org:0",
            "https://relay.example.org:+1",
            "https://relay.example.org:65536",
            "https://relay..org",
            "https://[::1",
            "https://[::1]x",
            "https://[nonsense]",
            "https://relay.example.org\n.evil",
        ] {
            assert_eq!(text.parse::<Relay>(), Err(RelayError), "{text}");
        }
        let long = |n: usize| format!("https://{}", "a".repeat(n)).parse::<Relay>();
        assert!(long(Relay::MAX_BYTES - 8).is_ok());
        assert!(long(Relay::MAX_BYTES - 7).is_err());
    }
}
