//! The texts before and after the digits of a number that do not make a code of it.

use windrow_record::WrittenNumber;

/// Currencies as signs and as codes, which come before or after the digits.
const CURRENCIES: &str = "$ € £ ¥ ₹ ₽ ₩ ₺ ₴ ₦ ₪ ฿ zł kr Kr Rs Rs. Fr. Fr US$ A$ C$ NZ$ HK$ S$ R$ USD EUR GBP CHF JPY CNY INR \
    SEK NOK DKK PLN CZK HUF RON BGN TRY RUB BRL MXN ZAR AUD CAD NZD HKD SGD KRW ILS";
/// Units that may follow the digits without a space.
const UNITS: &str = "% ‰ ° °C °F K kg g mg µg t lb lbs oz km m cm mm µm nm mi ft in yd h min s ms µs ns d km/h kmh mph m/s \
    m² m2 m³ m3 km² km2 ha sqft l L ml mL cl dl gal V mV kV A mA W kW MW kWh MWh Wh J kJ N Pa kPa hPa MPa bar mbar psi Hz \
    kHz MHz GHz rpm dB px pt B kB KB MB GB TB bps kcal cal ppm ppb x pcs";
/// The maximum length of a unit that follows a space, in characters.
const MAX_UNIT: usize = 10;

/// Returns true if the text before and after the digits is a currency, per cent or a unit.
pub(crate) fn is_known_affix(written: &WrittenNumber<'_>) -> bool {
    let is_among = |list: &str, text: &str| list.split_whitespace().any(|known| known == text);
    // As `days`, `mg/dL` or `m2`.
    let is_word = |text: &str| {
        let is_part = |it: char| it.is_alphanumeric() || "/\u{b2}\u{b3}\u{b0}%\u{b7}^".contains(it);
        text.chars().count() <= MAX_UNIT && text.starts_with(char::is_alphabetic) && text.chars().all(is_part)
    };
    // One capital letter next to the digits, as in `85123A`, is a part of a code.
    let is_letter = |text: &str| text.len() == 1 && text.starts_with(|it: char| it.is_ascii_uppercase());
    let is_unit = |text: &str| {
        (is_among(UNITS, text) && (written.is_suffix_apart || !is_letter(text)))
            || is_among(CURRENCIES, text)
            // A word after a space, as in `12 days`. One letter or capitals, as in `12 B`, may be a part of a code.
            || (written.is_suffix_apart && is_word(text) && text.chars().count() > 1 && text.to_uppercase() != text)
    };
    match (written.prefix, written.suffix) {
        ("", suffix) => is_unit(suffix),
        (prefix, "") => is_among(CURRENCIES, prefix),
        (prefix, suffix) => is_among(CURRENCIES, prefix) && is_unit(suffix),
    }
}
