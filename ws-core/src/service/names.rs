//! Names that are put together at run time.

use std::any;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

static NAMES: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);

/// The one copy of `name` that lives as long as the process.
///
/// Nothing that a peer sends comes here: the names of nested and renamed contracts are as many as the program has.
pub(super) fn intern(name: String) -> &'static str {
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let names = names.get_or_insert_default();
    if let Some(known) = names.get(name.as_str()) {
        return known;
    }
    let name: &'static str = Box::leak(name.into_boxed_str());
    names.insert(name);
    name
}

/// The name of a type argument as it counts in a fingerprint: without the modules that its parts come from, so that
/// two crates, or two versions of the standard library, may keep one type in different places.
///
/// ```
/// # use ws_core::service::type_name;
/// assert_eq!(type_name::<Option<std::collections::BTreeMap<String, u8>>>(), "Option<BTreeMap<String, u8>>");
/// ```
#[must_use]
pub fn type_name<T>() -> String {
    without_modules(any::type_name::<T>())
}

fn without_modules(name: &str) -> String {
    let mut short = String::with_capacity(name.len());
    let mut word = 0;
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        if let Some(behind) = rest.strip_prefix("::") {
            short.truncate(word);
            rest = behind;
            continue;
        }
        short.push(c);
        if !(c.is_alphanumeric() || c == '_') {
            word = short.len();
        }
        rest = &rest[c.len_utf8()..];
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once() {
        let first = intern("Calculator.scientific.pow".to_owned());
        assert!(std::ptr::eq(first, intern("Calculator.scientific.pow".to_owned())));
    }

    #[test]
    fn modules_do_not_count() {
        assert_eq!(
            without_modules("alloc::vec::Vec<(u8, a_b::c::D<core::option::Option<i64>>)>"),
            "Vec<(u8, D<Option<i64>>)>"
        );
        assert_eq!(without_modules("[größe::Länge; 3]"), "[Länge; 3]");
        assert_eq!(without_modules("fn(&str) -> a::B"), "fn(&str) -> B");
        assert_eq!(without_modules("u8"), "u8");
        assert_eq!(without_modules(""), "");
    }
}
