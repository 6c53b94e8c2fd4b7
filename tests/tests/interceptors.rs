//! Interceptors: messages are seen, changed or denied at four points of their way (R24).

mod interceptors {
    mod asks;
    mod contract;
    mod denials;
    mod observes;
    mod reroutes;
    mod rewrites;
}
