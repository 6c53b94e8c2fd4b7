//! An old contract meets a new one: what each change does to either side, in each encoding, over memory and a socket,
//! for calls of the client and of the server. `docs/evolution.md` is written from these tests and names them.

#[macro_use]
#[path = "evolution/shelf.rs"]
mod shelf;

#[path = "evolution/blind.rs"]
mod blind;
#[path = "evolution/enums.rs"]
mod enums;
#[path = "evolution/fields.rs"]
mod fields;
#[path = "evolution/headers.rs"]
mod headers;
#[path = "evolution/methods.rs"]
mod methods;
#[path = "evolution/names.rs"]
mod names;
#[path = "evolution/numbers.rs"]
mod numbers;
#[path = "evolution/page.rs"]
mod page;
#[path = "evolution/recipes.rs"]
mod recipes;
#[path = "evolution/roles.rs"]
mod roles;
#[path = "evolution/signatures.rs"]
mod signatures;
