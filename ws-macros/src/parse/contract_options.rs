//! `#[ws_service(name = "calc", version = 2, crate = path::to::ws_core)]`.

use proc_macro2::TokenStream;
use syn::{Ident, LitInt, Path, parse_quote};

use super::option_list::{OptionSyntax, parse_options};
use super::wire_name::{check_wire_name, default_wire_name};
use crate::errors::Errors;

/// The options of the trait, each with its default.
pub(crate) struct ContractOptions {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) runtime: Path,
}

impl ContractOptions {
    /// Reads the options of the trait `ident`; an option with a mistake in it keeps its default.
    pub(crate) fn parse(tokens: TokenStream, ident: &Ident, errors: &mut Errors) -> Self {
        let mut options =
            Self { name: default_wire_name(ident), version: 1, runtime: parse_quote!(::ws_core) };
        let mut list = Vec::new();
        parse_options(tokens, &mut list, errors);
        for option in &list {
            if let Err(error) = options.set(option) {
                errors.push(error);
            }
        }
        options
    }

    fn set(&mut self, option: &OptionSyntax) -> syn::Result<()> {
        match option.key.to_string().as_str() {
            "name" => self.name = check_wire_name(&option.string("calc")?)?,
            "version" => self.version = version(&option.integer(2)?)?,
            "crate" => self.runtime = option.path("path::to::ws_core")?,
            key => {
                return Err(option.error(format!(
                    "there is no option `{key}` of `#[ws_service]`: the options are `name`, `version` and `crate`"
                )));
            }
        }
        Ok(())
    }
}

fn version(literal: &LitInt) -> syn::Result<u32> {
    match literal.base10_parse() {
        Ok(version) if version > 0 => Ok(version),
        _ => Err(syn::Error::new(
            literal.span(),
            "the version is an integer from 1 to 4294967295: write `version = 1`, or nothing",
        )),
    }
}
