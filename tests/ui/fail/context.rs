use ws_core::service::CallContext;
use ws_core::ws_service;

#[ws_service]
pub trait Calculator {
    async fn last(&self, value: u8, ctx: &CallContext);
    async fn twice(&self, ctx: &CallContext, again: &CallContext);
    async fn owned(&self, ctx: CallContext);
    async fn unique(&self, ctx: &mut CallContext);
    async fn forever(&self, ctx: &'static ws_core::service::CallContext);
    async fn pattern(&self, mut ctx: &CallContext);
}

fn main() {}
