//! Small sets and maps as lists: an identity has a handful of tags, sources and stated fields, and a
//! million identities have no room for a tree each.

use std::sync::Arc;

/// A set of a few values, in the order in which they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Few<T>(Vec<T>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Few<T> {
    /// The values.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<T: PartialEq> Few<T> {
    /// Adds a value; `false` when it is there already.
    pub fn insert(&mut self, value: T) -> bool {
        let is_new = !self.0.contains(&value);
        if is_new {
            self.0.push(value);
        }
        is_new
    }

    /// Whether a value is there.
    pub fn contains<Q: ?Sized>(&self, value: &Q) -> bool
    where
        T: PartialEq<Q>,
    {
        self.0.iter().any(|known| known == value)
    }
}

impl<T> From<Vec<T>> for Few<T> {
    fn from(list: Vec<T>) -> Self {
        Self(list)
    }
}

/// Tags, labels and annotations of an identity, each with who says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Vec<Tag>);

/// One tag.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tag {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Name of the source.
    pub source: Arc<str>,
    /// When the source said so.
    pub observed_ms: i64,
}

impl Tags {
    /// Adds a tag unless one of this name is there: who states it first is believed.
    pub fn add(&mut self, key: String, value: String, source: &Arc<str>, observed_ms: i64) {
        if self.tag(&key).is_none() {
            self.0.push(Tag {
                key,
                value,
                source: Arc::clone(source),
                observed_ms,
            });
        }
    }

    /// The tag of this name.
    #[must_use]
    pub fn tag(&self, key: &str) -> Option<&Tag> {
        self.0.iter().find(|tag| tag.key == key)
    }

    /// The value of the tag of this name.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.tag(key).map(|tag| tag.value.as_str())
    }

    /// All tags, in the order in which they came.
    pub fn iter(&self) -> std::slice::Iter<'_, Tag> {
        self.0.iter()
    }
}

impl From<Vec<Tag>> for Tags {
    fn from(list: Vec<Tag>) -> Self {
        Self(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_statement_of_a_tag_counts() {
        let mut tags = Tags::default();
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        tags.add("team".to_owned(), "x".to_owned(), &a, 1);
        tags.add("team".to_owned(), "y".to_owned(), &b, 2);
        assert_eq!((tags.get("team"), tags.iter().len()), (Some("x"), 1));
        let mut few = Few::default();
        assert!(few.insert("owner") && !few.insert("owner") && few.contains(&"owner"));
    }
}
