//! Several contracts on one connection: tuples of providers, and of remotes.

use super::{
    HandlerFuture, Invocation, MethodId, Methods, Preparing, Provider, Refusal, Remote, RemoteHandle,
};

use crate::peer::Peer;

macro_rules! tuples {
    ($(($($member:ident $index:tt),+))+) => {$(
        impl<$($member: Provider),+> Provider for ($($member,)+) {
            fn methods() -> Methods {
                Methods::none()$(.and($member::methods()))+
            }

            fn count() -> usize {
                0 $(+ $member::count())+
            }

            fn start(&self, method: usize, invocation: &Invocation<'_>) -> Result<HandlerFuture, Refusal> {
                let mut method = method;
                $(
                    if method < $member::count() {
                        return self.$index.start(method, invocation);
                    }
                    method -= $member::count();
                )+
                // Not reached: the index comes from a table with no more methods than the members together.
                let _beyond = method;
                Err(Refusal::UnknownMethod)
            }

            fn routes(&self) -> bool {
                false $(|| self.$index.routes())+
            }

            fn start_route(&self, method: MethodId, invocation: &Invocation<'_>) -> Result<HandlerFuture, Refusal> {
                $(
                    match self.$index.start_route(method, invocation) {
                        Err(Refusal::UnknownMethod | Refusal::NoProvider) => {}
                        started => return started,
                    }
                )+
                Err(Refusal::UnknownMethod)
            }

            fn attached(&self, peer: &Peer, renamed: Option<&'static str>) {
                $(self.$index.attached(peer, renamed);)+
            }

            fn prepared(&self) -> Preparing<'_> {
                Box::pin(async move {
                    $(self.$index.prepared().await?;)+
                    Ok(())
                })
            }
        }

        impl<$($member: Remote),+> Remote for ($($member,)+) {
            fn methods() -> Methods {
                Methods::none()$(.and($member::methods()))+
            }

            const COUNT: usize = 0 $(+ $member::COUNT)+;
            type Broadcast = ($($member::Broadcast,)+);

            fn from_handle(handle: RemoteHandle) -> Self {
                ($($member::from_handle(handle.clone()),)+)
            }
        }
    )+};
}

tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}
