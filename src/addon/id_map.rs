//! Objects that JavaScript knows by number.

use std::collections::BTreeMap;

use napi::bindgen_prelude::*;

/// Objects by number. A removed number is used again only after all others, because an event that waits may still have it.
#[derive(Debug)]
pub(super) struct IdMap<T> {
    all: BTreeMap<u32, T>,
    next: u32,
}

impl<T> Default for IdMap<T> {
    fn default() -> Self {
        Self {
            all: BTreeMap::new(),
            next: 0,
        }
    }
}

impl<T> IdMap<T> {
    /// Adds the object that `make` returns for its number. Returns the number.
    pub(super) fn add(&mut self, make: impl FnOnce(u32) -> T) -> u32 {
        // This ends: memory is too small for 2^32 objects.
        while self.all.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let number = self.next;
        self.next = number.wrapping_add(1);
        self.all.insert(number, make(number));
        number
    }

    pub(super) fn get(&self, number: u32) -> Result<&T> {
        let found = self.all.get(&number);
        found.ok_or_else(|| Error::from_reason("no such number"))
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<T> {
        self.all.remove(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_number_is_not_used_next() {
        let mut numbered = IdMap::default();
        assert_eq!(numbered.add(|number| number), 0);
        assert_eq!(numbered.remove(0), Some(0));
        assert_eq!(numbered.add(|number| number), 1);
        assert!(numbered.get(0).is_err());
        assert_eq!(numbered.get(1).unwrap(), &1);
    }

    #[test]
    fn after_the_last_number_the_free_ones_are_used() {
        let mut numbered = IdMap::default();
        numbered.add(drop);
        numbered.next = u32::MAX;
        assert_eq!(numbered.add(drop), u32::MAX);
        assert_eq!(numbered.add(drop), 1);
    }
}
