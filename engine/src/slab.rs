//! Values by number.

/// Bits of a number that hold the place within a page.
const PLACE_BITS: u32 = 6;
/// Places of a page.
const PLACES: usize = 1 << PLACE_BITS;

/// Values by number, at stable addresses. The number of a removed value is reused, and a page
/// without values releases its memory.
#[derive(Debug)]
pub struct Slab<T> {
    pages: Vec<SlabPage<T>>,
    // INVARIANT: holds each page that has a free place, once.
    roomy: Vec<u32>,
    len: usize,
}

#[derive(Debug)]
struct SlabPage<T> {
    /// Values of the page: one for each place, or empty when its memory is released.
    places: Box<[Option<T>]>,
    /// Bit n is place n.
    taken: u64,
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab { pages: Vec::new(), roomy: Vec::new(), len: 0 }
    }
}

impl<T> Slab<T> {
    /// Stores a value and returns its number.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        let number = self.roomy.last().copied().unwrap_or(self.pages.len() as u32);
        if number as usize >= self.pages.len() {
            self.pages.push(SlabPage { places: Box::default(), taken: 0 });
            self.roomy.push(number);
        }
        let Some(page) = self.pages.get_mut(number as usize) else {
            return number << PLACE_BITS;
        };
        if page.taken == 0 {
            page.places = std::iter::repeat_with(|| None).take(PLACES).collect();
        }
        let place = page.taken.trailing_ones();
        page.taken |= 1_u64.checked_shl(place).unwrap_or(0);
        if let Some(free) = page.places.get_mut(place as usize) {
            *free = Some(value);
        }
        if page.taken == u64::MAX {
            self.roomy.pop();
        }
        self.len += 1;
        (number << PLACE_BITS) | place
    }

    #[inline]
    pub(crate) fn get(&self, id: u32) -> Option<&T> {
        let page = self.pages.get((id >> PLACE_BITS) as usize)?;
        page.places.get(id as usize % PLACES)?.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        let page = self.pages.get_mut((id >> PLACE_BITS) as usize)?;
        page.places.get_mut(id as usize % PLACES)?.as_mut()
    }

    pub(crate) fn remove(&mut self, id: u32) -> Option<T> {
        let number = id >> PLACE_BITS;
        let page = self.pages.get_mut(number as usize)?;
        let value = page.places.get_mut(id as usize % PLACES)?.take()?;
        if page.taken == u64::MAX {
            self.roomy.push(number);
        }
        page.taken &= !(1 << (id as usize % PLACES));
        if page.taken == 0 {
            page.places = Box::default();
        }
        self.len -= 1;
        Some(value)
    }

    /// Entries in the order of their numbers.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        self.pages.iter_mut().zip(0_u32..).flat_map(|(page, number)| {
            let places = page.places.iter_mut().zip(number << PLACE_BITS..);
            places.filter_map(|(place, id)| Some((id, place.as_mut()?)))
        })
    }

    /// Entries in the order of their numbers.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flat_map(|page| page.places.iter().flatten())
    }

    /// Number of values held.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against an ordered map.
        #[test]
        fn values_stay_under_their_numbers(
            acts in prop::collection::vec((0_u8..3, 0_usize..400), 0..1_500),
        ) {
            let (mut slab, mut plain) = (Slab::default(), BTreeMap::new());
            for (value, (act, at)) in acts.into_iter().enumerate() {
                if act > 0 {
                    prop_assert!(plain.insert(slab.insert(value), value).is_none());
                } else if let Some(id) = plain.keys().nth(at % plain.len().max(1)).copied() {
                    prop_assert_eq!(slab.remove(id), plain.remove(&id));
                    prop_assert_eq!(slab.remove(id), None);
                }
                prop_assert_eq!(slab.len(), plain.len());
            }
            prop_assert!(slab.values().eq(plain.values()));
            prop_assert!(plain.iter().all(|(id, value)| slab.get(*id) == Some(value)));
            prop_assert!(slab.iter_mut().map(|(id, value)| (id, *value)).eq(plain));
        }
    }

    #[test]
    fn numbers_are_used_again_and_pages_go() {
        let mut slab = Slab::default();
        let ids: Vec<u32> = (0..1_000).map(|value| slab.insert(value)).collect();
        let highest = ids.iter().max().copied();
        let gone = ids.iter().filter(|id| **id != 500).filter_map(|id| slab.remove(*id));
        assert_eq!(gone.count(), 999);
        let held = slab.pages.iter().filter(|page| !page.places.is_empty()).count();
        assert_eq!((slab.len(), held), (1, 1));
        assert!((0..999).map(|value| slab.insert(value)).all(|id| Some(id) <= highest));
    }
}
