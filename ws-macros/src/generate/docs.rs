//! What the documentation of generated items says.

use proc_macro2::TokenStream;
use quote::quote;

use super::names::Names;
use crate::model::{Contract, Kind, Method, Nested, Output};

/// Doc attributes, one a line.
pub(super) fn doc<L: AsRef<str>>(lines: impl IntoIterator<Item = L>) -> TokenStream {
    lines
        .into_iter()
        .map(|line| {
            let line = line.as_ref();
            quote!(#[doc = #line])
        })
        .collect()
}

pub(super) fn provider_doc(contract: &Contract, names: &Names) -> TokenStream {
    let (ident, provider) = (&contract.head.ident, &names.provider);
    doc([
        format!("Serves [`{ident}`] to the other side of a connection: `{provider}::new(service)`."),
        String::new(),
        "Cloning it shares the service.".to_owned(),
    ])
}

pub(super) fn remote_doc(contract: &Contract) -> TokenStream {
    let ident = &contract.head.ident;
    doc([
        format!("Calls [`{ident}`] on the other side of a connection."),
        String::new(),
        "Cheap to clone, and weak: it never keeps a connection open.".to_owned(),
    ])
}

pub(super) fn broadcast_doc(contract: &Contract) -> TokenStream {
    let ident = &contract.head.ident;
    doc([
        format!("Reaches [`{ident}`] on the other sides of many connections at once, of an audience."),
        String::new(),
        "Cheap to clone. Who they are is asked anew for each message; methods that stream are not here."
            .to_owned(),
    ])
}

/// The user's own lines, then what is true of every method of a broadcast.
pub(super) fn broadcast_method_doc(method: &Method) -> TokenStream {
    let written = &method.attributes.docs;
    let introduction = written.iter().all(|attribute| !attribute.path().is_ident("doc")).then(|| {
        let name = &method.wire_name;
        doc([match method.kind {
            Kind::Call { .. } => format!("Calls `{name}` on all of them."),
            Kind::Event { .. } => format!("Sends the event `{name}` to all of them."),
        }])
    });
    let section = doc(match method.kind {
        Kind::Call { .. } => [
            "",
            "Gives the answers as they come, each with its connection's id.",
            "",
            "# Cancel safety",
            "Dropping what it gives cancels the calls that have no answer yet.",
        ],
        Kind::Event { .. } => [
            "",
            "Gives how many were reached.",
            "",
            "# Cancel safety",
            "Dropping the future before it is polled means that nothing is sent.",
        ],
    });
    quote!(#(#written)* #introduction #section)
}

/// The user's own lines, or what a nested contract is.
pub(super) fn nested_doc(nested: &Nested) -> TokenStream {
    let written = &nested.attributes.docs;
    if written.iter().any(|attribute| attribute.path().is_ident("doc")) {
        return quote!(#(#written)*);
    }
    let introduction = doc([format!("The contract `{}` inside this one.", nested.field)]);
    quote!(#introduction #(#written)*)
}

/// The user's own lines, then what is true of every remote method.
pub(super) fn method_doc(method: &Method) -> TokenStream {
    let written = &method.attributes.docs;
    let introduction = written.iter().all(|attribute| !attribute.path().is_ident("doc")).then(|| {
        let name = &method.wire_name;
        doc([match method.kind {
            Kind::Call { .. } => format!("Calls `{name}` on the other side."),
            Kind::Event { .. } => format!("Sends the event `{name}` to the other side."),
        }])
    });
    let sections = doc(sections(&method.kind));
    quote!(#(#written)* #introduction #sections)
}

const CALL_ERRORS: &str =
    "`CallError`: why there is no value, and whether the call may have run all the same.";

/// Every remote method is a future that may fail and may be dropped.
fn sections(kind: &Kind) -> [&'static str; 7] {
    let (errors, declared, cancel_safety) = match kind {
        Kind::Call { output, .. } => {
            let declared = match output {
                Output::Stream(stream) if stream.error.is_some() => {
                    "`CallError::App` and `StreamError::App` carry the error that the other side returned."
                }
                Output::Stream(_) => "",
                Output::Fallible { .. } => "`CallError::App` carries the error that the other side returned.",
                Output::Value(_) => "",
            };
            (CALL_ERRORS, declared, "Dropping the future cancels the call on the other side.")
        }
        Kind::Event { .. } => (
            "`SendError`: why the event was not sent.",
            "",
            "Dropping the future before it is ready means that the event is not sent.",
        ),
    };
    ["", "# Errors", errors, declared, "", "# Cancel safety", cancel_safety]
}
