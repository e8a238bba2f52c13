//! What JavaScript holds by number.

use std::collections::BTreeMap;

use napi::bindgen_prelude::*;

/// Things by number. A number that was given back is not used again before all others: an event on its way
/// may still name it.
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
    /// Keeps what is made for the number that is given to it.
    pub(super) fn add(&mut self, make: impl FnOnce(u32) -> T) -> u32 {
        // There is not enough memory for as many as there are numbers.
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

    /// The number stands for nothing any more.
    pub(super) fn remove(&mut self, number: u32) -> Option<T> {
        self.all.remove(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_was_given_back_is_not_used_next() {
        let mut numbered = IdMap::default();
        assert_eq!(numbered.add(|number| number), 0);
        assert_eq!(numbered.remove(0), Some(0));
        assert_eq!(numbered.add(|number| number), 1);
        assert!(numbered.get(0).is_err());
        assert_eq!(numbered.get(1).unwrap(), &1);
    }

    #[test]
    fn after_the_last_number_come_those_that_are_free() {
        let mut numbered = IdMap::default();
        numbered.add(drop);
        numbered.next = u32::MAX;
        assert_eq!(numbered.add(drop), u32::MAX);
        assert_eq!(numbered.add(drop), 1);
    }
}
