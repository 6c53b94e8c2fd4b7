//! `#[ws(event, name = "…", timeout = "5s", ..)]`.

use syn::{Attribute, LitStr, Meta};

use super::later;
use super::option_list::{OptionSyntax, parse_options};
use super::timeout::parse_timeout;
use super::wire_name::check_wire_name;
use crate::errors::Errors;

const KNOWN: &str = "`event`, `name`, `timeout`, `spawn`, `concurrent` and `idempotent`";

/// The options of a method as given.
#[derive(Default)]
pub(crate) struct MethodOptions {
    pub(crate) event: bool,
    pub(crate) name: Option<LitStr>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) spawn: bool,
    pub(crate) concurrent: bool,
    pub(crate) idempotent: bool,
    /// An option that belongs to a later version: the rest of the method follows rules that do not hold yet.
    pub(crate) later: bool,
}

impl MethodOptions {
    /// Reads all `#[ws(..)]` attributes of one method.
    pub(crate) fn parse(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut list = Vec::new();
        for attribute in attributes {
            match &attribute.meta {
                Meta::List(meta) if !meta.tokens.is_empty() => {
                    parse_options(meta.tokens.clone(), &mut list, errors);
                }
                _ => errors.on(
                    attribute,
                    format!(
                        "`#[ws(..)]` needs an option: remove it, or write one of {KNOWN} in its parentheses"
                    ),
                ),
            }
        }
        let mut options = Self::default();
        for option in &list {
            if let Err(error) = options.set(option) {
                errors.push(error);
            }
        }
        for option in &list {
            if let Err(error) = options.check(option) {
                errors.push(error);
            }
        }
        options
    }

    fn set(&mut self, option: &OptionSyntax) -> syn::Result<()> {
        match option.key.to_string().as_str() {
            "event" => self.event = option.flag()?,
            "name" => {
                let name = option.string("add")?;
                check_wire_name(&name)?;
                self.name = Some(name);
            }
            "timeout" => self.timeout_ms = Some(parse_timeout(&option.string("5s")?)?),
            "spawn" => self.spawn = option.flag()?,
            "concurrent" => self.concurrent = option.flag()?,
            "idempotent" => self.idempotent = option.flag()?,
            key if later::is_method_option(key) => {
                self.later = true;
                return Err(option.error(later::not_yet(format_args!("the option `{key}`"))));
            }
            key => {
                return Err(option
                    .error(format!("there is no option `{key}` of `#[ws(..)]`: the options are {KNOWN}")));
            }
        }
        Ok(())
    }

    /// Checks that an option suits the kind of the method.
    fn check(&self, option: &OptionSyntax) -> syn::Result<()> {
        let message = match (option.key.to_string().as_str(), self.event) {
            ("timeout", true) => "an event has no reply to wait for: remove `timeout`",
            ("idempotent", true) => "an event is never sent again: remove `idempotent`",
            ("concurrent", false) => {
                "calls run concurrently as they are: remove `concurrent`, or make the method an event: \
                 `#[ws(event, concurrent)]`"
            }
            _ => return Ok(()),
        };
        Err(option.error(message))
    }
}
