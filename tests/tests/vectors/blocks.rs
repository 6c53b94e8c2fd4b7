//! The format of the vectors: blocks of `key: value` lines, an empty line between them.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;

/// One vector.
#[derive(Clone, Debug)]
pub struct Block {
    pub name: String,
    pub lines: Vec<(String, String)>,
}

impl Block {
    /// Every value of `key`, in order.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.lines.iter().filter(move |(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// The value of a key that may be missing.
    pub fn maybe(&self, key: &str) -> Option<&str> {
        self.lines.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// The value of a key that must be there.
    pub fn one(&self, key: &str) -> &str {
        self.maybe(key).unwrap_or_else(|| panic!("{}: no `{key}`", self.name))
    }

    pub fn number<T: std::str::FromStr>(&self, key: &str) -> T {
        self.one(key).parse().unwrap_or_else(|_| panic!("{}: `{key}` is no number", self.name))
    }

    pub fn is(&self, key: &str) -> bool {
        self.maybe(key) == Some("yes")
    }

    pub fn bytes(&self, key: &str) -> Vec<u8> {
        bytes(self.one(key))
    }
}

/// The vectors of one file, each with a name of its own.
pub fn blocks(file: &str) -> Vec<Block> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut names = HashSet::new();
    let blocks: Vec<Block> = text.split("\n\n").filter_map(block).collect();
    for block in &blocks {
        assert!(names.insert(&block.name), "{file}: `{}` twice", block.name);
    }
    assert!(!blocks.is_empty(), "{file}: no vectors");
    blocks
}

fn block(text: &str) -> Option<Block> {
    let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
        let (key, value) = line.split_once(':').unwrap_or_else(|| panic!("no colon in `{line}`"));
        (key.to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned())
    });
    let (key, name) = lines.next()?;
    assert_eq!(key, "name", "a vector begins with its name: {name}");
    Some(Block { name, lines: lines.collect() })
}

/// Two digits a byte, with or without spaces.
pub fn bytes(hex: &str) -> Vec<u8> {
    masked(hex).into_iter().map(|byte| byte.expect("a byte and not `??`")).collect()
}

/// As [`bytes`], with `None` where `??` allows any byte.
pub fn masked(hex: &str) -> Vec<Option<u8>> {
    let digits: Vec<char> = hex.chars().filter(|c| *c != ' ').collect();
    let byte = |pair: &[char]| match pair {
        ['?', '?'] => None,
        pair => {
            let pair: String = pair.iter().collect();
            Some(u8::from_str_radix(&pair, 16).unwrap_or_else(|_| panic!("`{pair}` is no byte")))
        }
    };
    digits.chunks(2).map(byte).collect()
}

/// As the vectors write bytes.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let space = if text.is_empty() { "" } else { " " };
        let _ = write!(text, "{space}{byte:02x}");
        text
    })
}
