//! Binary encoding of snapshots.
//!
//! A number takes as many bytes as it needs (LEB128, signed ones in zigzag form), a list starts
//! with its length, a choice with its tag. The bytes do not describe themselves: the reader must
//! know that they were written by the same version, for the same rules, and that none has changed.
//! Decoding any other bytes returns `None` or an unspecified value.

use std::collections::{BTreeMap, VecDeque};
use std::marker::PhantomData;

use model::decimal::Decimal;
use model::observation::EventOrigin;
use model::severity::Severity;
use model::time::Timestamp;
use num_bigint::BigInt;
use rules_dsl::rule::ComparisonOp;
use smallvec::SmallVec;

/// Encoding of snapshots: written as bytes and read back.
pub trait SnapshotEncode: Sized {
    /// Appends the encoded value.
    fn pack(&self, out: &mut Vec<u8>);

    /// Decodes a value from the front; `None` where the bytes are malformed.
    fn unpack(from: &mut &[u8]) -> Option<Self>;
}

/// Packs a struct field by field, or an enum by tags and what its variants hold.
macro_rules! packed {
    (enum $name:ident { $($tag:literal => $variant:ident $(($($part:ident),+))?),+ $(,)? }) => {
        impl $crate::snapshot::SnapshotEncode for $name {
            fn pack(&self, out: &mut Vec<u8>) {
                match self {
                    $($name::$variant $(($($part),+))? => {
                        out.push($tag);
                        $($($crate::snapshot::SnapshotEncode::pack($part, out);)+)?
                    })+
                }
            }

            fn unpack(from: &mut &[u8]) -> Option<Self> {
                match <u8 as $crate::snapshot::SnapshotEncode>::unpack(from)? {
                    $($tag => Some($name::$variant $(($({
                        let $part = $crate::snapshot::SnapshotEncode::unpack(from)?;
                        $part
                    }),+))?),)+
                    _ => None,
                }
            }
        }
    };
    ($name:ident $(<$of:ident>)? { $($field:ident),+ $(,)? }) => {
        impl $(<$of: $crate::snapshot::SnapshotEncode>)? $crate::snapshot::SnapshotEncode
            for $name $(<$of>)?
        {
            fn pack(&self, out: &mut Vec<u8>) {
                $($crate::snapshot::SnapshotEncode::pack(&self.$field, out);)+
            }

            fn unpack(from: &mut &[u8]) -> Option<Self> {
                Some($name { $($field: $crate::snapshot::SnapshotEncode::unpack(from)?),+ })
            }
        }
    };
}
pub(crate) use packed;

packed!(EventOrigin { stream, partition, offset, index });
packed!(enum Severity { 1 => Critical, 2 => High, 3 => Medium, 4 => Low });
packed!(enum ComparisonOp {
    0 => AtLeast, 1 => Above, 2 => AtMost, 3 => Below, 4 => Equal, 5 => NotEqual
});

/// LEB128: seven bits a byte, the lowest first; the eighth bit is set if more follow.
fn pack_number(mut number: u128, out: &mut Vec<u8>) {
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn unpack_number(from: &mut &[u8]) -> Option<u128> {
    let (mut number, mut shift) = (0_u128, 0);
    loop {
        let byte = u8::unpack(from)?;
        let bits = u128::from(byte & 0x7f);
        let placed = bits.checked_shl(shift).filter(|placed| placed >> shift == bits)?;
        number |= placed;
        if byte & 0x80 == 0 {
            return Some(number);
        }
        shift += 7;
    }
}

impl SnapshotEncode for u8 {
    fn pack(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn unpack(from: &mut &[u8]) -> Option<u8> {
        let (first, rest) = from.split_first()?;
        *from = rest;
        Some(*first)
    }
}

impl SnapshotEncode for bool {
    fn pack(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn unpack(from: &mut &[u8]) -> Option<bool> {
        let byte = u8::unpack(from)?;
        (byte < 2).then_some(byte == 1)
    }
}

macro_rules! packed_unsigned {
    ($($number:ty),+) => {
        $(impl SnapshotEncode for $number {
            #[inline]
            fn pack(&self, out: &mut Vec<u8>) {
                pack_number(*self as u128, out);
            }

            #[inline]
            fn unpack(from: &mut &[u8]) -> Option<$number> {
                unpack_number(from)?.try_into().ok()
            }
        })+
    };
}

macro_rules! packed_signed {
    ($($number:ty),+) => {
        $(impl SnapshotEncode for $number {
            #[inline]
            fn pack(&self, out: &mut Vec<u8>) {
                let number = i128::from(*self);
                pack_number((number << 1 ^ number >> 127) as u128, out);
            }

            #[inline]
            fn unpack(from: &mut &[u8]) -> Option<$number> {
                let folded = unpack_number(from)?;
                ((folded >> 1) as i128 ^ -((folded & 1) as i128)).try_into().ok()
            }
        })+
    };
}

packed_unsigned!(u32, u64, u128, usize);
packed_signed!(i32, i64, i128);

impl SnapshotEncode for Timestamp {
    fn pack(&self, out: &mut Vec<u8>) {
        self.0.pack(out);
    }

    fn unpack(from: &mut &[u8]) -> Option<Timestamp> {
        i64::unpack(from).map(Timestamp)
    }
}

impl SnapshotEncode for Decimal {
    fn pack(&self, out: &mut Vec<u8>) {
        self.units().pack(out);
    }

    fn unpack(from: &mut &[u8]) -> Option<Decimal> {
        i128::unpack(from).map(Decimal::from_units)
    }
}

impl SnapshotEncode for BigInt {
    fn pack(&self, out: &mut Vec<u8>) {
        self.to_signed_bytes_le().pack(out);
    }

    fn unpack(from: &mut &[u8]) -> Option<BigInt> {
        Vec::unpack(from).map(|bytes: Vec<u8>| BigInt::from_signed_bytes_le(&bytes))
    }
}

impl<T> SnapshotEncode for PhantomData<T> {
    fn pack(&self, _: &mut Vec<u8>) {}

    fn unpack(_: &mut &[u8]) -> Option<PhantomData<T>> {
        Some(PhantomData)
    }
}

impl<T: SnapshotEncode> SnapshotEncode for Option<T> {
    fn pack(&self, out: &mut Vec<u8>) {
        self.is_some().pack(out);
        self.iter().for_each(|some| some.pack(out));
    }

    fn unpack(from: &mut &[u8]) -> Option<Option<T>> {
        if bool::unpack(from)? { T::unpack(from).map(Some) } else { Some(None) }
    }
}

impl<T: SnapshotEncode> SnapshotEncode for Box<T> {
    fn pack(&self, out: &mut Vec<u8>) {
        (**self).pack(out);
    }

    fn unpack(from: &mut &[u8]) -> Option<Box<T>> {
        T::unpack(from).map(Box::new)
    }
}

/// Appends the length, then each element.
pub(crate) fn pack_list<'a, T: SnapshotEncode + 'a>(
    list: impl ExactSizeIterator<Item = &'a T>,
    out: &mut Vec<u8>,
) {
    list.len().pack(out);
    list.for_each(|item| item.pack(out));
}

/// Decodes a list of elements of at least one byte each; a false length allocates nothing in
/// advance.
fn unpack_list<L: Default + Extend<T>, T: SnapshotEncode>(from: &mut &[u8]) -> Option<L> {
    let mut list = L::default();
    for _ in 0..usize::unpack(from)? {
        list.extend(Some(T::unpack(from)?));
    }
    Some(list)
}

macro_rules! packed_list {
    ($($list:ty $(, $size:ident)?);+) => {
        $(impl<T: SnapshotEncode $(, const $size: usize)?> SnapshotEncode for $list {
            fn pack(&self, out: &mut Vec<u8>) {
                pack_list(self.iter(), out);
            }

            fn unpack(from: &mut &[u8]) -> Option<$list> {
                unpack_list(from)
            }
        })+
    };
}

packed_list!(Vec<T>; VecDeque<T>; SmallVec<[T; 1]>);

impl<T: SnapshotEncode> SnapshotEncode for Box<[T]> {
    fn pack(&self, out: &mut Vec<u8>) {
        pack_list(self.iter(), out);
    }

    fn unpack(from: &mut &[u8]) -> Option<Box<[T]>> {
        Vec::unpack(from).map(Vec::into_boxed_slice)
    }
}

impl<K: SnapshotEncode + Ord, V: SnapshotEncode> SnapshotEncode for BTreeMap<K, V> {
    fn pack(&self, out: &mut Vec<u8>) {
        self.len().pack(out);
        for (key, value) in self {
            key.pack(out);
            value.pack(out);
        }
    }

    fn unpack(from: &mut &[u8]) -> Option<BTreeMap<K, V>> {
        unpack_list(from)
    }
}

impl SnapshotEncode for String {
    fn pack(&self, out: &mut Vec<u8>) {
        pack_list(self.as_bytes().iter(), out);
    }

    fn unpack(from: &mut &[u8]) -> Option<String> {
        String::from_utf8(SnapshotEncode::unpack(from)?).ok()
    }
}

macro_rules! packed_tuple {
    ($(($($part:ident $at:tt),+))+) => {
        $(impl<$($part: SnapshotEncode),+> SnapshotEncode for ($($part,)+) {
            fn pack(&self, out: &mut Vec<u8>) {
                $(self.$at.pack(out);)+
            }

            fn unpack(from: &mut &[u8]) -> Option<($($part,)+)> {
                Some(($($part::unpack(from)?,)+))
            }
        })+
    };
}

packed_tuple!((A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3));

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use proptest::prelude::*;

    use super::*;

    fn comes_back<T: SnapshotEncode + PartialEq + Debug>(value: &T) -> Result<(), TestCaseError> {
        let mut bytes = Vec::new();
        value.pack(&mut bytes);
        for cut in 0..bytes.len() {
            prop_assert!(T::unpack(&mut &bytes[..cut]).is_none_or(|read| read != *value));
        }
        bytes.push(7);
        let mut from = &bytes[..];
        let read = T::unpack(&mut from);
        prop_assert_eq!(read.as_ref(), Some(value));
        prop_assert_eq!(from, &[7][..], "what follows is left");
        Ok(())
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(
            small in any::<(u8, bool, u32, i32)>(),
            large in any::<(u64, i64)>(),
            widest in any::<(u128, i128)>(),
            lists in any::<(Vec<i64>, Option<Vec<u8>>)>(),
            big in any::<Vec<u8>>(),
        ) {
            comes_back(&small)?;
            comes_back(&large)?;
            comes_back(&widest)?;
            comes_back(&lists)?;
            comes_back(&BigInt::from_signed_bytes_le(&big))?;
            comes_back(&Decimal::from_units(widest.1))?;
        }

        #[test]
        fn any_bytes_are_answered(bytes in any::<Vec<u8>>()) {
            let _ = <Vec<Option<(i64, Vec<BigInt>)>>>::unpack(&mut &bytes[..]);
            let _ = <(u128, Box<[Severity]>, Option<ComparisonOp>)>::unpack(&mut &bytes[..]);
        }
    }

    #[test]
    fn extremes_come_back_and_numbers_that_are_too_large_do_not() {
        for number in [i128::MIN, i128::MAX, i64::MIN.into(), i64::MAX.into(), -1, 0] {
            comes_back(&number).unwrap();
        }
        let mut bytes = Vec::new();
        (i128::from(i64::MAX) + 1).pack(&mut bytes);
        assert_eq!(i64::unpack(&mut &bytes[..]), None);
        assert_eq!(u128::unpack(&mut &[0xff; 40][..]), None);
        let mut claimed = Vec::new();
        u64::MAX.pack(&mut claimed);
        assert_eq!(<Vec<u64>>::unpack(&mut &claimed[..]), None);
        assert_eq!(bool::unpack(&mut &[2][..]), None);
    }
}
