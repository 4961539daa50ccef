//! Groups of neighbouring vectors in a line, of a size that is known at compile time.

/// Calls a function for the vectors of a line, at most four at a time. Each call knows their number at compile time.
macro_rules! in_groups {
    ($vectors:expr, $function:ident, $($argument:expr),*) => {{
        let vectors = $vectors;
        let mut first = 0;
        while first + 4 <= vectors {
            $function::<S, 4>(first, $($argument),*);
            first += 4;
        }
        match vectors - first {
            3 => $function::<S, 3>(first, $($argument),*),
            2 => $function::<S, 2>(first, $($argument),*),
            1 => $function::<S, 1>(first, $($argument),*),
            _ => {}
        }
    }};
}
pub(super) use in_groups;

/// Calls a function for neighbouring joints, at most four at a time. Each call knows their number at compile time.
macro_rules! by_fours {
    ($joints:expr, $function:ident, $($argument:expr),*) => {{
        let joints: usize = $joints;
        let mut first = 0;
        while first + 4 <= joints {
            $function::<_, 4>(first, $($argument),*);
            first += 4;
        }
        match joints - first {
            3 => $function::<_, 3>(first, $($argument),*),
            2 => $function::<_, 2>(first, $($argument),*),
            1 => $function::<_, 1>(first, $($argument),*),
            _ => {}
        }
    }};
}
pub(super) use by_fours;

/// Returns `V` neighbours on a line.
#[inline(always)]
pub(super) fn part<T, const V: usize>(line: &[T], first: usize) -> &[T; V] {
    line[first..].first_chunk().expect("a line is as long as its shape says")
}

#[inline(always)]
pub(super) fn part_mut<T, const V: usize>(line: &mut [T], first: usize) -> &mut [T; V] {
    line[first..].first_chunk_mut().expect("a line is as long as its shape says")
}
