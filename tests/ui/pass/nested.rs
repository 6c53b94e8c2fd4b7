//! Contracts inside contracts, wherever a person may put them.

#![deny(unused, warnings, missing_docs, refining_impl_trait)]

use ws_core::service::{MethodTable, Provider};
use ws_core::{CallContext, Remote, ws_service};

/// The innermost.
#[ws_service]
pub trait Leaf {
    /// Its colour.
    async fn colour(&self, ctx: &CallContext) -> Result<String, u8>;
    /// It falls.
    #[ws(event)]
    async fn fall(&self);
}

/// Four more, one around the other.
#[ws_service]
pub trait Twig {
    /// It.
    #[ws(nested)]
    fn leaf(&self) -> &impl Leaf;
    #[cfg(any())]
    #[ws(nested)]
    fn never(&self) -> &impl DoesNotExist;
    /// Another.
    #[cfg(all())]
    #[ws(nested, name = "second")]
    #[deprecated]
    fn always(&self) -> &impl Leaf;
    /// A third.
    #[cfg(unix)]
    #[ws(nested, name = "system")]
    fn unix(&self) -> &impl Leaf;
    /// A third.
    #[cfg(not(unix))]
    #[ws(nested, name = "system")]
    fn other(&self) -> &impl Leaf;
}

/// With nothing of its own.
#[ws_service]
pub trait Bough {
    /// It.
    #[ws(nested)]
    fn twig(&self) -> &impl Twig;
}

/// With a path.
#[ws_service]
pub trait Trunk {
    /// It.
    #[ws(nested)]
    fn bough(&self) -> &impl self::Bough;
    /// Its girth.
    async fn girth(&self) -> u32;
    /// It.
    #[ws(nested)]
    fn twig(&self) -> &impl crate::Twig;
}

mod far {
    use ws_core::ws_service;

    #[ws_service]
    pub(crate) trait Tree: std::fmt::Debug {
        #[ws(nested)]
        fn trunk(&self) -> &impl super::Trunk;
        #[ws(nested(remote = super::LeafRemote))]
        fn pressed(&self) -> &impl super::Leaf;
    }
}

#[derive(Debug)]
struct Oak;

impl Leaf for Oak {
    async fn colour(&self, _: &CallContext) -> Result<String, u8> {
        Ok("green".into())
    }
    async fn fall(&self) {}
}

impl Twig for Oak {
    fn leaf(&self) -> &impl Leaf {
        self
    }
    #[allow(deprecated)]
    fn always(&self) -> &impl Leaf {
        self
    }
    #[cfg(unix)]
    fn unix(&self) -> &impl Leaf {
        self
    }
    #[cfg(not(unix))]
    fn other(&self) -> &impl Leaf {
        self
    }
}

impl Bough for Oak {
    fn twig(&self) -> &impl Twig {
        self
    }
}

impl Trunk for Oak {
    fn bough(&self) -> &impl Bough {
        self
    }
    async fn girth(&self) -> u32 {
        3
    }
    fn twig(&self) -> &impl Twig {
        self
    }
}

impl far::Tree for Oak {
    fn trunk(&self) -> &impl Trunk {
        self
    }
    fn pressed(&self) -> &impl Leaf {
        self
    }
}

/// Written with the concrete type, which the compiler asks about by name.
struct Ash(Oak);

impl Bough for Ash {
    #[allow(refining_impl_trait)]
    fn twig(&self) -> &Oak {
        &self.0
    }
}

mod by_macro {
    macro_rules! contract {
        ($outer:ident, $inner:path, $field:ident) => {
            #[ws_core::ws_service]
            pub(crate) trait $outer {
                #[ws(nested)]
                fn $field(&self) -> &impl $inner;
            }
        };
    }
    contract!(Garden, super::Leaf, weed);

    impl Garden for super::Oak {
        fn weed(&self) -> &impl super::Leaf {
            self
        }
    }
}

fn in_a_body() {
    #[ws_service]
    trait Inner {
        async fn one(&self) -> u8;
    }
    #[ws_service]
    trait Outer {
        #[ws(nested)]
        fn inner(&self) -> &impl Inner;
    }
    struct Here;
    impl Inner for Here {
        async fn one(&self) -> u8 {
            1
        }
    }
    impl Outer for Here {
        fn inner(&self) -> &impl Inner {
            self
        }
    }
    assert_eq!(<OuterProvider<Here>>::count(), 1);
    let _provider = OuterProvider::new(Here);
    let _: fn(&OuterRemote) -> InnerRemote = OuterRemote::inner;
    let _: fn(&InnerRemote) -> ws_core::Call<u8> = InnerRemote::one;
}

fn main() {
    in_a_body();
    let table = MethodTable::new(<far::TreeProvider<Oak>>::methods()).expect("distinct");
    // Three leaves of two methods on each of two twigs, one method of the trunk, two of the pressed leaf.
    assert_eq!(table.specs().len(), 2 * 3 * 2 + 1 + 2);
    assert_eq!(<far::TreeRemote as Remote>::COUNT, table.specs().len());
    let names: Vec<_> = table.specs().iter().map(|spec| spec.name).collect();
    assert!(names.contains(&"Tree.trunk.bough.twig.second.colour"), "{names:?}");
    assert!(names.contains(&"Tree.trunk.twig.system.fall"), "{names:?}");
    type Three = (BoughProvider<Ash>, by_macro::GardenProvider<Oak>, (TrunkProvider<Oak>,));
    assert!(MethodTable::new(Three::methods()).is_ok());
    let _ = far::TreeProvider::new(Oak).clone();
    let _: fn(&far::TreeRemote) -> TrunkRemote = far::TreeRemote::trunk;
    let _: fn(&far::TreeRemote) -> LeafRemote = far::TreeRemote::pressed;
    let _: fn(&by_macro::GardenRemote) -> LeafRemote = by_macro::GardenRemote::weed;
    let _ = TrunkMethod::Girth;
}
