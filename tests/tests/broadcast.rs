//! Broadcasts: one message to many, encoded once, and never waiting for the slow unless asked to (R32).

mod broadcast {
    mod contracts;
    mod crowd;
    mod events;
    mod gather;
    mod hostile;
    mod interceptors;
    mod latest;
    mod slow;
    mod stage;
}
