//! What accompanies a message besides its arguments.

use std::fmt;
use std::time::Duration;

use crate::limits::{MAX_METADATA_BYTES, MAX_METADATA_KEYS};

/// Text pairs that travel with a message: at most 16 keys and 4 KiB in all (R35), each key once.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    pairs: Vec<(String, String)>,
}

/// Keys only: a value may be a token, and what prints a context or a remote must not print it.
impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.pairs.iter().map(|(key, _)| key)).finish()
    }
}

/// Metadata over its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("metadata takes at most 16 keys and 4 KiB in all")]
pub struct MetadataFull;

impl Metadata {
    /// No pairs.
    #[must_use]
    pub const fn new() -> Self {
        Self { pairs: Vec::new() }
    }

    /// Sets `key` to `value`.
    ///
    /// # Errors
    /// [`MetadataFull`] where that would exceed 16 keys or 4 KiB; nothing is changed then.
    pub fn insert(&mut self, key: &str, value: &str) -> Result<(), MetadataFull> {
        let replaced = self.pairs.iter().position(|(k, _)| k == key);
        let freed = replaced.map_or(0, |i| key.len() + self.pairs[i].1.len());
        let keys = self.pairs.len() + usize::from(replaced.is_none());
        if keys > MAX_METADATA_KEYS || self.size() - freed + key.len() + value.len() > MAX_METADATA_BYTES {
            return Err(MetadataFull);
        }
        match replaced {
            Some(i) => value.clone_into(&mut self.pairs[i].1),
            None => self.pairs.push((key.to_owned(), value.to_owned())),
        }
        Ok(())
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// The pairs in the order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// How many pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Bytes of all keys and values.
    #[must_use]
    pub fn size(&self) -> usize {
        self.pairs.iter().map(|(key, value)| key.len() + value.len()).sum()
    }
}

/// Options of a call: `remote.with(CallOptions::new().deadline(Duration::from_secs(1))).add(2, 3)`.
#[derive(Clone, Debug, Default)]
pub struct CallOptions {
    pub(crate) deadline: Option<Duration>,
    pub(crate) metadata: Option<Metadata>,
}

impl CallOptions {
    /// The defaults: the method's timeout, else that of the connection's limits; no metadata.
    #[must_use]
    pub const fn new() -> Self {
        Self { deadline: None, metadata: None }
    }

    /// How long a call may take from its first poll, waiting for a slot included (R14). At most
    /// `Limits::max_call_timeout`; longer ones are cut to it.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// What travels with the call and is readable through `CallContext::metadata`.
    #[must_use]
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = Some(metadata);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_keeps_its_bounds() {
        let mut metadata = Metadata::new();
        for i in 0..16 {
            metadata.insert(&format!("k{i}"), "v").expect("within the bounds");
        }
        assert_eq!(metadata.insert("one more", "v"), Err(MetadataFull));
        metadata.insert("k0", "another").expect("a key that is there");
        assert_eq!(metadata.insert("k0", &"x".repeat(5000)), Err(MetadataFull));
        assert_eq!(metadata.get("k0"), Some("another"));
        assert!(!format!("{metadata:?}").contains("another"), "values are not for logs");
    }
}
