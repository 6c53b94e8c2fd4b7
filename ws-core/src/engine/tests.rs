//! Engines against each other, with a simulated clock.
