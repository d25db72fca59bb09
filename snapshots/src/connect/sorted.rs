//! A set as a sorted list: most accounts have one or two of a thing, and a million accounts have no room
//! for a tree each.

use std::borrow::Borrow;

/// A sorted list without repetitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sorted<T>(Vec<T>);

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Ord> Sorted<T> {
    pub(super) fn insert(&mut self, value: T) {
        if self.0.last().is_none_or(|last| *last < value) {
            // A list of one is the usual case and takes the room of one.
            if self.0.is_empty() {
                self.0.reserve_exact(1);
            }
            self.0.push(value);
        } else if let Err(place) = self.0.binary_search(&value) {
            self.0.insert(place, value);
        }
    }

    pub(super) fn extend(&mut self, values: impl IntoIterator<Item = T>) {
        for value in values {
            self.insert(value);
        }
    }

    pub(super) fn remove<Q: Ord + ?Sized>(&mut self, value: &Q)
    where
        T: Borrow<Q>,
    {
        if let Ok(place) = self.0.binary_search_by(|known| known.borrow().cmp(value)) {
            self.0.remove(place);
        }
    }

    pub(super) fn contains<Q: Ord + ?Sized>(&self, value: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        let found = self.0.binary_search_by(|known| known.borrow().cmp(value));
        found.is_ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    pub(super) fn into_vec(self) -> Vec<T> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_sorted_and_come_once() {
        let mut set = Sorted::default();
        set.extend(["b", "c", "a", "b", "c"].map(str::to_owned));
        assert!(set.contains("a") && !set.contains("d"));
        set.remove("b");
        set.remove("x");
        assert_eq!(set.into_vec(), ["a", "c"]);
        assert!(Sorted::<u8>::default().is_empty());
    }
}
