//! Streams of values, uploads, and both at once, by a provider and a remote written by hand against the seam (R26).

mod streams {
    mod contract;
    mod ends;
    mod flow;
    mod limits;
    mod nested;
    mod values;
    mod wire;
}
