use ws_core::ws_service;

#[ws_service]
pub trait Names {
    async fn a_b(&self);
    #[allow(non_snake_case)]
    async fn aB(&self);
    async fn a__b(&self);
    #[ws(event)]
    async fn r#type(&self);
    #[allow(non_snake_case)]
    #[ws(name = "another")]
    async fn Type(&self);
    async fn type_(&self);
}

#[ws_service]
pub trait Hidden {
    async fn __ws_run(&self);
    async fn __ws_anything(&self);
    #[ws(nested)]
    fn __ws_decode(&self) -> &impl Names;
    async fn __fine(&self);
}

fn main() {}
