//! `#[ws(event, name = "…", timeout = "5s", ..)]`.

use syn::{Attribute, LitStr, Meta};

use super::nested::parse_remote;
use super::option_list::{OptionSyntax, parse_options};
use super::timeout::parse_timeout;
use super::wire_name::check_wire_name;
use crate::errors::Errors;
use crate::model::Queueing;

const KNOWN: &str = "`event`, `nested`, `name`, `timeout`, `serial`, `busy`, `latest`, `spawn`, `concurrent` and \
                     `idempotent`";

/// The options of a method as given.
#[derive(Default)]
pub(crate) struct MethodOptions {
    pub(crate) event: bool,
    pub(crate) name: Option<LitStr>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) spawn: bool,
    pub(crate) concurrent: bool,
    pub(crate) idempotent: bool,
    pub(crate) queueing: Queueing,
    pub(crate) nested: bool,
    /// The remote of a nested contract, where one is named.
    pub(crate) remote: Option<syn::Path>,
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
            if let Err(error) = options.set(option, errors) {
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

    fn set(&mut self, option: &OptionSyntax, errors: &mut Errors) -> syn::Result<()> {
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
            "serial" => self.queue(option, Queueing::Serial)?,
            "busy" => self.queue(option, Queueing::Busy)?,
            "latest" => self.queue(option, Queueing::Latest)?,
            "nested" => {
                self.nested = true;
                let list = option.list("nested(remote = path::ScientificRemote)")?;
                self.remote = parse_remote(list, errors);
            }
            key => {
                return Err(option
                    .error(format!("there is no option `{key}` of `#[ws(..)]`: the options are {KNOWN}")));
            }
        }
        Ok(())
    }

    fn queue(&mut self, option: &OptionSyntax, queueing: Queueing) -> syn::Result<()> {
        option.flag()?;
        if self.queueing != Queueing::None {
            return Err(option.error("calls queue in one way: write one of `serial`, `busy` and `latest`"));
        }
        self.queueing = queueing;
        Ok(())
    }

    /// Checks that an option suits the kind of the method.
    fn check(&self, option: &OptionSyntax) -> syn::Result<()> {
        if self.nested && !["nested", "name"].iter().any(|key| option.key == key) {
            let key = &option.key;
            return Err(option
                .error(format!("the methods of a nested contract have their own options: remove `{key}`")));
        }
        let message = match (option.key.to_string().as_str(), self.event) {
            ("timeout", true) => "an event has no reply to wait for: remove `timeout`",
            ("idempotent", true) => "an event is never sent again: remove `idempotent`",
            ("serial", true) => {
                "events of a connection are handled one after another as they are: remove `serial`"
            }
            ("busy" | "latest", true) => {
                "an event has no reply that could say so: remove the option, or `event`"
            }
            ("concurrent", false) => {
                "calls run concurrently as they are: remove `concurrent`, or make the method an event: \
                 `#[ws(event, concurrent)]`"
            }
            _ => return Ok(()),
        };
        Err(option.error(message))
    }
}
