//! What may travel as an argument, a result or a declared error.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that can travel: `Serialize`, `DeserializeOwned`, `Send` and `'static`.
///
/// Implemented for every such type; derive serde's two traits and it is there.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel in a `#[ws_service]` method",
    label = "not a payload",
    note = "arguments, results and declared errors must own their data and implement serde's traits:\n\
            add `#[derive(serde::Serialize, serde::Deserialize)]` to the type, and make it `Send`"
)]
pub trait Payload: Serialize + DeserializeOwned + Send + 'static {}

// Without this the compiler reports each of the four traits on its own, with a list of serde's implementations.
#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Payload for T {}
