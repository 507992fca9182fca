//! Keys: values by which an alert is grouped, and their canonical encoding.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Component of a key. Floats are excluded: equal measurements do not establish identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum KeyValue {
    /// Missing field, where the rule has `by field?`.
    Null,
    /// Text, byte for byte as in the event.
    Text(String),
    /// Whole number.
    Int(i64),
    /// Boolean.
    Bool(bool),
    /// An address.
    Ip(IpAddr),
}

const NULL: u8 = 0;
const TEXT: u8 = 1;
const INT: u8 = 2;
const FALSE: u8 = 3;
const TRUE: u8 = 4;
const IPV4: u8 = 5;
const IPV6: u8 = 6;

/// Appends canonical key bytes: a type tag, then a fixed-size or length-prefixed payload.
///
/// The encoding is injective: different keys have different bytes.
pub struct KeyWriter<'a>(pub &'a mut Vec<u8>);

impl KeyWriter<'_> {
    /// Appends a missing component.
    pub fn null(&mut self) {
        self.0.push(NULL);
    }

    /// Appends a text component.
    pub fn text(&mut self, text: &str) {
        self.0.push(TEXT);
        // A field is at most as long as a record, which is far below 4 GiB.
        self.0.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Appends a whole number.
    pub fn int(&mut self, value: i64) {
        self.0.push(INT);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Appends a boolean.
    pub fn bool(&mut self, value: bool) {
        self.0.push(if value { TRUE } else { FALSE });
    }

    /// Appends an address; an IPv4 address mapped into IPv6 is encoded as the IPv4 address.
    pub fn ip(&mut self, value: IpAddr) {
        match value.to_canonical() {
            IpAddr::V4(v4) => {
                self.0.push(IPV4);
                self.0.extend_from_slice(&v4.octets());
            }
            IpAddr::V6(v6) => {
                self.0.push(IPV6);
                self.0.extend_from_slice(&v6.octets());
            }
        }
    }

    /// Appends any component.
    pub fn value(&mut self, value: &KeyValue) {
        match value {
            KeyValue::Null => self.null(),
            KeyValue::Text(text) => self.text(text),
            KeyValue::Int(value) => self.int(*value),
            KeyValue::Bool(value) => self.bool(*value),
            KeyValue::Ip(value) => self.ip(*value),
        }
    }
}

/// Encodes a whole key as canonical bytes.
pub fn encode_key<'a>(values: impl IntoIterator<Item = &'a KeyValue>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = KeyWriter(&mut bytes);
    for value in values {
        writer.value(value);
    }
    bytes
}

/// Decodes canonical bytes; `None` for bytes that [`KeyWriter`] does not write.
pub fn decode_key(mut bytes: &[u8]) -> Option<Vec<KeyValue>> {
    let mut values = Vec::new();
    while let Some((tag, rest)) = bytes.split_first() {
        let (value, rest) = match *tag {
            NULL => (KeyValue::Null, rest),
            FALSE => (KeyValue::Bool(false), rest),
            TRUE => (KeyValue::Bool(true), rest),
            INT => {
                let (number, rest) = rest.split_first_chunk::<8>()?;
                (KeyValue::Int(i64::from_le_bytes(*number)), rest)
            }
            IPV4 => {
                let (octets, rest) = rest.split_first_chunk::<4>()?;
                (KeyValue::Ip(Ipv4Addr::from(*octets).into()), rest)
            }
            IPV6 => {
                let (octets, rest) = rest.split_first_chunk::<16>()?;
                (KeyValue::Ip(Ipv6Addr::from(*octets).into()), rest)
            }
            TEXT => {
                let (length, rest) = rest.split_first_chunk::<4>()?;
                let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
                (KeyValue::Text(String::from_utf8(text.to_vec()).ok()?), rest)
            }
            _ => return None,
        };
        values.push(value);
        bytes = rest;
    }
    Some(values)
}

impl fmt::Display for KeyValue {
    /// Formats the value for people; null is `-`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyValue::Null => f.write_str("-"),
            KeyValue::Text(text) => f.write_str(text),
            KeyValue::Int(value) => value.fmt(f),
            KeyValue::Bool(value) => value.fmt(f),
            KeyValue::Ip(value) => value.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_the_round_trip() {
        let key = vec![
            KeyValue::Null,
            KeyValue::Text("a\0b".to_owned()),
            KeyValue::Text(String::new()),
            KeyValue::Int(-1),
            KeyValue::Bool(true),
            KeyValue::Bool(false),
            KeyValue::Ip("203.0.113.9".parse().unwrap()),
            KeyValue::Ip("2001:db8::1".parse().unwrap()),
        ];
        assert_eq!(decode_key(&encode_key(&key)), Some(key));
    }

    #[test]
    fn components_cannot_run_into_each_other() {
        let text = |s: &str| KeyValue::Text(s.to_owned());
        assert_ne!(encode_key(&[text("ab"), text("c")]), encode_key(&[text("a"), text("bc")]));
        assert_ne!(encode_key(&[KeyValue::Int(1)]), encode_key(&[text("1")]));
        assert_ne!(encode_key(&[KeyValue::Null]), encode_key(&[text("")]));
    }

    #[test]
    fn a_mapped_address_is_the_address() {
        let mapped = KeyValue::Ip("::ffff:203.0.113.9".parse().unwrap());
        let plain = KeyValue::Ip("203.0.113.9".parse().unwrap());
        assert_eq!(encode_key(&[mapped]), encode_key(&[plain]));
    }

    #[test]
    fn broken_bytes_are_refused() {
        for bytes in [&[9][..], &[INT, 1], &[TEXT, 5, 0, 0, 0, b'a'], &[TEXT, 1, 0, 0, 0, 0xff]] {
            assert_eq!(decode_key(bytes), None);
        }
    }
}
