//! Random numbers that are the same in each run.

/// Returns a generator of numbers from 0 to 1, without 1.
pub fn uniform(seed: u64) -> impl FnMut() -> f64 {
    let mut next = states(seed);
    move || (next() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Returns a generator of whole numbers below its argument, which must not be 0.
pub fn below(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut next = states(seed);
    move |limit| (next() >> 33) % limit
}

/// Returns the states of a linear congruential generator. Its upper bits are the better ones.
fn states(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state
    }
}
