//! Streams through `#[ws_service]`: every form that a trait may write, and every way in which a stream may end (R26).

mod stream_contracts {
    mod ends;
    mod fixture;
    mod flow;
    mod forms;
    mod places;
    mod queueing;
    mod requests;
    mod uploads;
}
