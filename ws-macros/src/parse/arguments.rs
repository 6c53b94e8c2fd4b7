//! The arguments of a method.

use syn::ext::IdentExt;
use syn::{
    FnArg, GenericArgument, Ident, Pat, PatType, PathArguments, PathSegment, Signature, Type, TypePath,
    TypeReference,
};

use super::owned::{Place, check_owned};
use crate::errors::Errors;
use crate::model::{Argument, Upload};

/// The longest tuple that every encoding takes for granted.
const MAX_ARGUMENTS: usize = 12;

/// The arguments of one method.
#[derive(Default)]
pub(super) struct Arguments {
    /// Whether the first is `ctx: &CallContext`.
    pub(super) context: bool,
    /// Those that travel.
    pub(super) travelling: Vec<Argument>,
    /// The one that is a stream.
    pub(super) upload: Option<Upload>,
}

impl Arguments {
    pub(super) fn parse(signature: &Signature, errors: &mut Errors) -> Self {
        let mut arguments = Self::default();
        let typed = signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(typed) => Some(typed),
            FnArg::Receiver(_) => None,
        });
        for (position, input) in typed.enumerate() {
            check_attributes(input, errors);
            match context_reference(&input.ty) {
                Some(reference) => arguments.add_context(position, reference, input, errors),
                None => arguments.add(input, errors),
            }
        }
        arguments
    }

    fn add_context(
        &mut self,
        position: usize,
        reference: &TypeReference,
        input: &PatType,
        errors: &mut Errors,
    ) {
        if self.context {
            errors.on(input, "a method has one context: remove this argument");
        } else if position > 0 {
            errors.on(input, "the context comes first: write it directly after `&self`");
        } else if reference.mutability.is_some() || reference.lifetime.is_some() {
            errors.on(reference, "the context is a plain reference: write `&CallContext`");
        } else if !matches!(&*input.pat, Pat::Wild(_)) {
            name(input, errors);
        }
        self.context = true;
    }

    fn add_upload(&mut self, streaming: &PathSegment, input: &PatType, errors: &mut Errors) {
        let Some(ident) = name(input, errors) else { return };
        check_reply(&ident, errors);
        let PathArguments::AngleBracketed(list) = &streaming.arguments else {
            errors.on(&input.ty, "say what is streamed: write `Streaming<T>`");
            return;
        };
        let mut items = list.args.iter();
        let (Some(GenericArgument::Type(item)), None) = (items.next(), items.next()) else {
            errors.on(list, "the items that a caller streams do not fail: write `Streaming<T>`");
            return;
        };
        check_owned(item, Place::Argument, errors);
        if self.upload.is_some() {
            errors.on(input, "a call streams one argument: put what goes together into one item");
            return;
        }
        self.upload = Some(Upload { ident, item: item.clone(), position: self.travelling.len() });
    }

    fn add(&mut self, input: &PatType, errors: &mut Errors) {
        if is_context(&input.ty) {
            errors.on(&input.ty, "the context is borrowed for the call: write `&CallContext`");
            return;
        }
        if let Some(streaming) = streaming(&input.ty) {
            self.add_upload(streaming, input, errors);
            return;
        }
        check_owned(&input.ty, Place::Argument, errors);
        let Some(ident) = name(input, errors) else { return };
        check_reply(&ident, errors);
        self.travelling.push(Argument { ident, ty: (*input.ty).clone() });
        if self.travelling.len() == MAX_ARGUMENTS + 1 {
            let message =
                format!("a method takes at most {MAX_ARGUMENTS} arguments: put some of them into a struct");
            errors.on(input, message);
        }
    }
}

/// The field of a request that its answer goes into.
fn check_reply(ident: &Ident, errors: &mut Errors) {
    if ident.unraw() == "reply" {
        errors.on(ident, "`reply` is the reply handle of a request: choose another name for the argument");
    }
}

/// The path, where it is a `Streaming<..>`.
fn streaming(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(TypePath { path, qself: None, .. }) => {
            path.segments.last().filter(|segment| segment.ident == "Streaming")
        }
        Type::Group(group) => streaming(&group.elem),
        _ => None,
    }
}

/// The type, where it is a reference to something named `CallContext`.
fn context_reference(ty: &Type) -> Option<&TypeReference> {
    match ty {
        Type::Reference(reference) if is_context(&reference.elem) => Some(reference),
        Type::Group(group) => context_reference(&group.elem),
        _ => None,
    }
}

fn is_context(ty: &Type) -> bool {
    match ty {
        Type::Path(TypePath { path, .. }) => {
            path.segments.last().is_some_and(|segment| segment.ident == "CallContext")
        }
        Type::Group(group) => is_context(&group.elem),
        _ => false,
    }
}

fn check_attributes(input: &PatType, errors: &mut Errors) {
    for attribute in &input.attrs {
        if ["cfg", "cfg_attr", "ws"].iter().any(|name| attribute.path().is_ident(name)) {
            let message =
                "an argument is part of the method on both sides: write this attribute on the method";
            errors.on(attribute, message);
        }
    }
}

/// The argument's name, where its pattern is one.
fn name(input: &PatType, errors: &mut Errors) -> Option<Ident> {
    let message = match &*input.pat {
        Pat::Ident(pat) if pat.by_ref.is_none() && pat.mutability.is_none() && pat.subpat.is_none() => {
            return Some(pat.ident.clone());
        }
        Pat::Ident(pat) => format!("an argument is a plain name: write `{}`", pat.ident),
        Pat::Wild(_) => {
            "an argument needs a name, for the remote has it too: write one in place of `_`".to_owned()
        }
        _ => "an argument is a plain name: write one in place of the pattern".to_owned(),
    };
    errors.on(&input.pat, message);
    None
}
