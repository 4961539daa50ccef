use super::thousands;

#[test]
fn counts_have_their_thousands_set_apart() {
    for (count, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (336_776, "336,776"), (1_000_000, "1,000,000")] {
        assert_eq!(thousands(count), text);
    }
}
