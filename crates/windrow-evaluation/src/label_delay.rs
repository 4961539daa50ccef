//! The label delay in words: the condition under which the advice holds.

use crate::advice::Basis;
use crate::window_unit::WindowUnit;

/// Returns the sentence on the labels, as in `This holds if labels are known 30 days later.`
pub(crate) fn condition(basis: &Basis, unit: WindowUnit) -> String {
    let known = match (basis.label_delay, &basis.label_delay_text) {
        (0, _) => format!("at the end of each {}", unit.one()),
        (_, Some(text)) => format!("{text} later"),
        (1, None) => format!("one {} later", unit.one()),
        (windows, None) => format!("{windows} {} later", unit.many()),
    };
    format!("This holds if labels are known {known}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_said_as_it_was_given() {
        let cases = [
            (0, None, WindowUnit::Month, "at the end of each month"),
            (0, None, WindowUnit::Window, "at the end of each window"),
            (1, None, WindowUnit::Month, "one month later"),
            (2, None, WindowUnit::Window, "2 windows later"),
            (2, Some("30 days"), WindowUnit::Month, "30 days later"),
        ];
        for (label_delay, text, unit, expected) in cases {
            let label_delay_text = text.map(str::to_owned);
            let basis = Basis { keep: 0.9, label_delay, label_delay_text, judged: None, first_advice: None };
            assert_eq!(condition(&basis, unit), format!("This holds if labels are known {expected}."));
        }
    }
}
