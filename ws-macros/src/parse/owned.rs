//! Types that can travel, as far as their text shows it; the rest is up to `Payload`.

use syn::visit::{self, Visit};
use syn::{
    Expr, Lifetime, ParenthesizedGenericArguments, Path, Type, TypeFnPtr, TypeImplTrait, TypeReference,
};

use crate::errors::Errors;
use crate::model::type_text;

/// Where a type stands, for the text of the mistake.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Argument,
    Returned,
}

/// Reports the first thing in `ty` that cannot travel.
pub(super) fn check_owned(ty: &Type, place: Place, errors: &mut Errors) {
    let mut search = Search { place, found: None };
    search.visit_type(ty);
    if let Some(error) = search.found {
        errors.push(error);
    }
}

struct Search {
    place: Place,
    found: Option<syn::Error>,
}

impl Search {
    fn found(&mut self, tokens: impl quote::ToTokens, message: String) {
        self.found.get_or_insert_with(|| syn::Error::new_spanned(tokens, message));
    }
}

impl Visit<'_> for Search {
    fn visit_type_reference(&mut self, ty: &TypeReference) {
        let what = match self.place {
            Place::Argument => "an argument travels by value and cannot be borrowed",
            Place::Returned => "a result travels by value and cannot be borrowed",
        };
        self.found(ty, format!("{what}: write `{}`", owned_form(&ty.elem)));
    }

    fn visit_type_impl_trait(&mut self, ty: &TypeImplTrait) {
        self.found(
            ty,
            "both sides must know the type: write a concrete one in place of `impl Trait`".to_owned(),
        );
    }

    fn visit_lifetime(&mut self, lifetime: &Lifetime) {
        if lifetime.ident != "static" {
            self.found(lifetime, "what travels owns its data: use a type without a lifetime".to_owned());
        }
    }

    fn visit_path(&mut self, path: &Path) {
        if path.segments.first().is_some_and(|first| first.ident == "Self") {
            self.found(path, "`Self` is another type on the other side: write a concrete type".to_owned());
        } else if path.segments.last().is_some_and(|segment| segment.ident == "Streaming") {
            let message = match self.place {
                Place::Argument => "a stream is an argument of its own: write `name: Streaming<T>`",
                Place::Returned => "a stream of values is returned as `impl Stream<Item = T>`",
            };
            self.found(path, message.to_owned());
        } else {
            visit::visit_path(self, path);
        }
    }

    // What a function type mentions is not data, and an array's length is not a type.
    fn visit_type_fn_ptr(&mut self, _: &TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments(&mut self, _: &ParenthesizedGenericArguments) {}
    fn visit_expr(&mut self, _: &Expr) {}
}

/// What to write in place of a reference to `ty`.
fn owned_form(ty: &Type) -> String {
    match ty {
        Type::Path(ty) if ty.path.is_ident("str") => "String".to_owned(),
        Type::Slice(ty) => format!("Vec<{}>", type_text(&ty.elem)),
        ty => type_text(ty),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str) -> Vec<String> {
        let mut errors = Errors::default();
        check_owned(&syn::parse_str(source).expect("a type"), Place::Argument, &mut errors);
        errors.messages()
    }

    #[test]
    fn owned_types_pass() {
        for ty in [
            "i64",
            "Vec<(String, [u8; 4])>",
            "Cow<'static, str>",
            "[u8; { *&4 }]",
            "Box<dyn Fn(&str)>",
            "a::b::C<D>",
        ] {
            assert_eq!(check(ty), [""; 0], "{ty}");
        }
    }

    #[test]
    fn borrowed_types_name_their_owned_form() {
        for (ty, owned) in [
            ("&str", "`String`"),
            ("Option<&'static str>", "`String`"),
            ("&[u8]", "`Vec<u8>`"),
            ("&mut Vec<A>", "`Vec<A>`"),
        ] {
            let messages = check(ty);
            assert_eq!(messages.len(), 1, "{ty}");
            assert!(messages[0].ends_with(owned), "{}", messages[0]);
        }
    }

    #[test]
    fn one_mistake_a_type() {
        for ty in [
            "impl Into<String>",
            "Vec<impl Copy>",
            "Cow<'_, str>",
            "Self",
            "Option<Self::Item>",
            "Streaming<&str>",
        ] {
            assert_eq!(check(ty).len(), 1, "{ty}");
        }
    }
}
