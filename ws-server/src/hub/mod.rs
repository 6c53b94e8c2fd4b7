//! Who is here: the connections of a server, the users that they are linked to and their groups (R27–R31).
//!
//! One table, behind one lock, so that nothing can be in one part of it and not in another. What happens is written to a
//! log under that lock, and told in its order by one deliverer at a time, outside of it.

mod audience;
mod by_id;
mod connection;
mod delivery;
mod directory;
mod event;
mod group;
mod log;
mod presence;
mod stream;
mod tables;
pub(crate) mod user;

pub use audience::{Audience, Selector};
pub use connection::ServerConnection;
pub(crate) use directory::{Directory, Settings};
pub use event::{ServerEvent, ServerEvents};
pub use group::{Group, Groups, Insertion};
pub use presence::ServerPresence;
pub use stream::Events;
pub use user::{
    Authentication, JoinError, LinkDenied, LinkError, LinkPolicy, User, UserError, UserEvent, UserEvents,
    UserInfo, UserOptions, Users, default_name_rule,
};
