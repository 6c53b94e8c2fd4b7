//! Users: named identities that outlive their connections (R27–R30).

mod event;
mod handle;
mod link;
mod messages;
mod name;
mod options;
mod sweep;
mod users;

pub use event::{UserEvent, UserEvents};
pub use handle::{User, UserInfo};
pub use link::{LinkDenied, LinkError};
pub(crate) use messages::Messages;
pub use name::default_name_rule;
pub use options::{Authentication, LinkPolicy, UserOptions};
pub(crate) use sweep::sweep;
pub use users::{JoinError, UserError, Users};
