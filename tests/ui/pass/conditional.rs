//! `#[cfg]`s go wherever the method goes, and indices stay dense.

use ws_core::service::Remote;
use ws_core::ws_service;

#[ws_service]
pub trait Calculator {
    #[cfg(any())]
    async fn never(&self, missing: DoesNotExist) -> AlsoMissing;

    async fn first(&self) -> u8;

    #[cfg(not(any()))]
    async fn second(&self, text: String) -> u8;

    #[cfg(any())]
    #[ws(event)]
    async fn never_sent(&self, missing: DoesNotExist);

    /// One of two, by one name.
    #[cfg(not(any()))]
    async fn either(&self, text: String) -> u8;

    #[cfg(any())]
    async fn either(&self, missing: DoesNotExist) -> u8;

    /// One of two, by two names.
    #[cfg(all())]
    #[ws(name = "named")]
    async fn named_here(&self);

    #[cfg(not(all()))]
    #[ws(name = "named")]
    async fn named_there(&self);

    #[cfg_attr(all(), cfg(any()))]
    async fn never_either(&self, missing: DoesNotExist);

    #[cfg_attr(all(), doc = "Documented.", allow(unused))]
    async fn last(&self);

    #[cfg(any())]
    async fn body(&self) -> DoesNotExist {
        DoesNotExist
    }
}

struct Calc;

impl Calculator for Calc {
    async fn first(&self) -> u8 {
        1
    }
    async fn second(&self, _text: String) -> u8 {
        2
    }
    async fn either(&self, _text: String) -> u8 {
        3
    }
    async fn named_here(&self) {}
    async fn last(&self) {}
}

#[ws_service]
#[cfg(any())]
pub trait Gone {
    async fn never(&self, missing: DoesNotExist);
}

#[cfg_attr(all(), ws_service(name = "there"))]
pub trait There {
    async fn is(&self) -> bool;
}

fn main() {
    let _ = CalculatorProvider::new(Calc);
    let names: Vec<_> = CalculatorRemote::methods().specs().iter().map(|spec| spec.name).collect();
    assert_eq!(
        names,
        ["Calculator.first", "Calculator.second", "Calculator.either", "Calculator.named", "Calculator.last"]
    );
    assert_eq!(ThereRemote::methods().specs()[0].name, "there.is");
}
