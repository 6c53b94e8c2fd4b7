//! Numbers as people read them.

use harness::Unit;

/// Three digits, and a letter for thousands and millions.
pub fn short(figure: f64) -> String {
    let (scaled, letter) = match figure.abs() {
        large if large >= 1e6 => (figure / 1e6, " M"),
        large if large >= 1e4 => (figure / 1e3, " k"),
        _ => (figure, ""),
    };
    let digits = match scaled.abs() {
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        _ => 2,
    };
    format!("{scaled:.digits$}{letter}")
}

/// A round number, beside an axis.
pub fn tick(figure: f64) -> String {
    let text = short(figure);
    let (number, letter) =
        text.split_once(' ').map_or((text.as_str(), ""), |(number, _)| (number, &text[number.len()..]));
    let number =
        if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number };
    format!("{number}{letter}")
}

/// A ratio, or nothing.
pub fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"))
}

/// A figure, or nothing.
pub fn optional(figure: Option<f64>) -> String {
    figure.map_or_else(|| "–".to_owned(), short)
}

/// What a run counts, and which way is better.
pub fn unit(unit: Unit) -> String {
    let better = if unit.more_is_better() { "more is better" } else { "less is better" };
    format!("{unit}; {better}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn figures_have_three_digits() {
        let figures =
            [(0.5, "0.50"), (12.34, "12.3"), (999.6, "1000"), (12_345.0, "12.3 k"), (2_345_678.0, "2.35 M")];
        for (figure, text) in figures {
            assert_eq!(super::short(figure), text);
        }
    }

    #[test]
    fn ticks_have_no_more_digits_than_they_need() {
        let ticks =
            [(0.5, "0.5"), (10.0, "10"), (100.0, "100"), (1000.0, "1000"), (1e4, "10 k"), (1e6, "1 M")];
        for (figure, text) in ticks {
            assert_eq!(super::tick(figure), text);
        }
    }
}
