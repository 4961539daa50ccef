//! The places of the entries of a legend.

use crate::plot::letters::width;

/// The width of a line's sample in a legend, and the space after an entry.
pub(super) const SAMPLE: f64 = 22.0;
const GAP: f64 = 16.0;

/// Returns the x coordinate of the text of an entry that begins at `x`, next to its sample.
pub(super) fn text_place(x: f64) -> f64 {
    x + SAMPLE + 6.0
}

/// Returns the number of lines of text that a legend needs in a picture of this width. `room` is the least room of a
/// text.
pub(super) fn legend_lines(full: u32, entries: &[(&str, &str)], left: f64, room: f64) -> usize {
    legend_places(full, entries, left, room).last().map_or(0, |(_, line)| line + 1)
}

/// Returns the room for the text of each entry of a legend, up to the edge of the picture.
pub(super) fn legend_rooms(full: u32, entries: &[(&str, &str)], left: f64, room: f64) -> Vec<f64> {
    let places = legend_places(full, entries, left, room).into_iter();
    places.map(|(x, _)| f64::from(full) - text_place(x) - 2.0).collect()
}

/// Returns the x coordinate of each entry of a legend, and its line of text, from 0.
pub(super) fn legend_places(full: u32, entries: &[(&str, &str)], left: f64, room: f64) -> Vec<(f64, usize)> {
    let right = f64::from(full) - 8.0;
    let (mut next, mut line) = (left, 0);
    let place = |(_, name): &(&str, &str)| {
        let length = text_place(0.0) + width("s", name).max(room);
        if next > left && next + length > right {
            (next, line) = (left, line + 1);
        }
        let x = next;
        next += length + GAP;
        (x, line)
    };
    entries.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_without_room_begin_a_line() {
        let long = "a name that is much too long for a picture of this width ".repeat(9);
        let entries = [("a w", "one"), ("b w", "two"), ("z w", long.as_str())];
        assert_eq!(legend_lines(200, &entries, 8.0, 0.0), 2);
        assert_eq!(legend_lines(200, &entries[..2], 8.0, 90.0), 2, "each has its room");
        assert_eq!(legend_lines(200, &[], 8.0, 0.0), 0);
        let second = 8.0 + SAMPLE + 6.0 + 60.0 + GAP;
        assert_eq!(legend_rooms(300, &entries[..2], 8.0, 60.0), [262.0, 300.0 - second - SAMPLE - 8.0]);
    }
}
