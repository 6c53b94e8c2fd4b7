//! Types as text, whatever their layout in the source.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit_mut::{self, VisitMut};
use syn::{AngleBracketedGenericArguments, ParenthesizedGenericArguments, Type, TypeFnPtr, TypeTuple};

/// A type as written, without spaces that mean nothing and without the trailing commas that a formatter adds.
pub(crate) fn type_text(ty: &Type) -> String {
    let mut ty = ty.clone();
    Unformatted.visit_type_mut(&mut ty);
    source_text(ty.to_token_stream())
}

/// Tokens as text, with a space only between two words.
pub(crate) fn source_text(tokens: TokenStream) -> String {
    let mut text = String::new();
    write_tokens(tokens, &mut text);
    text
}

fn write_tokens(tokens: TokenStream, text: &mut String) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = delimiters(group.delimiter());
                text.push_str(open);
                write_tokens(group.stream(), text);
                text.push_str(close);
            }
            TokenTree::Punct(punct) => text.push(punct.as_char()),
            TokenTree::Ident(ident) => write_word(&ident.to_string(), text),
            TokenTree::Literal(literal) => write_word(&literal.to_string(), text),
        }
    }
}

const fn delimiters(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        // Around what a `macro_rules!` variable stood for.
        Delimiter::None => ("", ""),
    }
}

fn write_word(word: &str, text: &mut String) {
    if text.ends_with(|last: char| last.is_alphanumeric() || last == '_' || last == '"') {
        text.push(' ');
    }
    text.push_str(word);
}

/// Takes off what differs between one line and several.
struct Unformatted;

impl VisitMut for Unformatted {
    fn visit_angle_bracketed_generic_arguments_mut(&mut self, list: &mut AngleBracketedGenericArguments) {
        list.args.pop_punct();
        visit_mut::visit_angle_bracketed_generic_arguments_mut(self, list);
    }

    fn visit_parenthesized_generic_arguments_mut(&mut self, list: &mut ParenthesizedGenericArguments) {
        list.inputs.pop_punct();
        visit_mut::visit_parenthesized_generic_arguments_mut(self, list);
    }

    fn visit_type_fn_ptr_mut(&mut self, pointer: &mut TypeFnPtr) {
        pointer.inputs.pop_punct();
        visit_mut::visit_type_fn_ptr_mut(self, pointer);
    }

    fn visit_type_tuple_mut(&mut self, tuple: &mut TypeTuple) {
        // The comma of `(T,)` is what makes it a tuple.
        if tuple.elems.len() > 1 {
            tuple.elems.pop_punct();
        }
        visit_mut::visit_type_tuple_mut(self, tuple);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(source: &str) -> String {
        type_text(&syn::parse_str(source).expect("a type"))
    }

    #[test]
    fn layout_means_nothing() {
        assert_eq!(text("HashMap < String , Vec<u8> >"), "HashMap<String,Vec<u8>>");
        assert_eq!(text("HashMap<\n    String,\n    Vec<u8>,\n>"), "HashMap<String,Vec<u8>>");
        assert_eq!(text("( A , B , )"), "(A,B)");
        assert_eq!(text("[u8 ; 4]"), "[u8;4]");
    }

    #[test]
    fn what_means_something_stays() {
        assert_eq!(text("(A,)"), "(A,)");
        assert_eq!(text("(A)"), "(A)");
        assert_eq!(text("Box<dyn  Any + Send>"), "Box<dyn Any+Send>");
        assert_eq!(text("Cow<'static , str>"), "Cow<'static,str>");
        assert_eq!(text("&'a mut T"), "&'a mut T");
        assert_eq!(text("std :: io :: Result<()>"), "std::io::Result<()>");
    }
}
