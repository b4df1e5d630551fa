//! How much labels look like what people choose: a trigram model, and the entropy of octets.

/// Letters, any digit, hyphen or edge.
const SYMBOLS: usize = 28;
const DIGIT: u8 = 26;
const EDGE: u8 = 27;
/// Labels shorter than this say nothing about how they were made.
pub const SHORTEST_JUDGED: usize = 7;
/// All digits are one symbol in the table; which digit it is costs this much more, in quarters of a bit. (Less than
/// log2(10) bits: years and version numbers are not drawn at random.)
const DIGIT_COST: u32 = 8;
/// Bits per symbol up to which a label counts as chosen by people, and from which as drawn at random. Nineteen of twenty
/// package names that were left out of the table stay below the first; nineteen of twenty random letters are above the
/// second less a half.
const CHOSEN_BITS: f32 = 4.2;
const RANDOM_BITS: f32 = 5.4;

const TABLE: &str = include_str!("trigrams.txt");

/// The trigram model.
#[derive(Debug)]
pub struct Words {
    costs: Vec<u8>,
}

impl Default for Words {
    fn default() -> Words {
        Words::new()
    }
}

impl Words {
    /// Reads the built-in table.
    pub fn new() -> Words {
        let mut costs = vec![0u8; SYMBOLS * SYMBOLS * SYMBOLS];
        let rows = TABLE.lines().filter(|line| !line.starts_with('#'));
        for (row, line) in costs.chunks_exact_mut(SYMBOLS).zip(rows) {
            for (cost, letter) in row.iter_mut().zip(line.bytes().skip(3)) {
                *cost = if letter.is_ascii_uppercase() {
                    letter - b'A'
                } else {
                    letter.saturating_sub(b'a').saturating_add(26)
                };
            }
        }
        Words { costs }
    }

    /// Mean bits per symbol of `label`; the shorter, the more likely a person chose it.
    pub fn bits(&self, label: &[u8]) -> f32 {
        let (mut before, mut last, mut sum) = (EDGE, EDGE, 0u32);
        for symbol in label.iter().map(|octet| symbol(*octet)).chain([EDGE]) {
            sum += self.cost(before, last, symbol) + if symbol == DIGIT { DIGIT_COST } else { 0 };
            (before, last) = (last, symbol);
        }
        sum as f32 / 4.0 / (label.len() + 1) as f32
    }

    /// How random `label` looks: 0 for what people choose and for short labels, 1 for what was drawn at random.
    pub fn randomness(&self, label: &[u8]) -> f32 {
        if label.len() < SHORTEST_JUDGED || label.starts_with(b"xn--") {
            return 0.0;
        }
        ramp(self.bits(label), CHOSEN_BITS, RANDOM_BITS)
    }

    fn cost(&self, before: u8, last: u8, symbol: u8) -> u32 {
        let at = (usize::from(before) * SYMBOLS + usize::from(last)) * SYMBOLS + usize::from(symbol);
        self.costs.get(at).copied().map_or(0, u32::from)
    }
}

fn symbol(octet: u8) -> u8 {
    match octet.to_ascii_lowercase() {
        letter @ b'a'..=b'z' => letter - b'a',
        b'0'..=b'9' => DIGIT,
        _ => EDGE,
    }
}

/// Where `value` is between `low` (0) and `high` (1).
pub fn ramp(value: f32, low: f32, high: f32) -> f32 {
    ((value - low) / (high - low)).clamp(0.0, 1.0)
}

/// Shannon entropy of `octets` in bits per octet.
pub fn entropy(octets: impl Iterator<Item = u8>) -> f32 {
    let mut counts = [0u16; 256];
    let mut total = 0u32;
    for octet in octets {
        if let Some(count) = counts.get_mut(usize::from(octet)) {
            *count = count.saturating_add(1);
        }
        total += 1;
    }
    let share = |count: &u16| f32::from(*count) / total as f32;
    -counts.iter().filter(|count| **count > 0).map(|count| share(count) * share(count).log2()).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole_and_a_distribution() {
        let words = Words::new();
        assert_eq!(TABLE.lines().filter(|line| !line.starts_with('#')).count(), SYMBOLS * SYMBOLS);
        for (context, row) in words.costs.chunks_exact(SYMBOLS).enumerate() {
            let sum: f32 = row.iter().map(|cost| (-f32::from(*cost) / 4.0).exp2()).sum();
            assert!((0.85..1.15).contains(&sum), "context {context}: {sum}");
        }
    }

    #[test]
    fn what_people_choose_looks_less_random_than_what_is_drawn() {
        let words = Words::new();
        for chosen in ["wikipedia", "weather-report", "cloudstorage", "mediaplayer", "sueddeutsche", "university"] {
            assert!(words.randomness(chosen.as_bytes()) < 0.35, "{chosen}: {}", words.bits(chosen.as_bytes()));
        }
        for drawn in ["xkqvjzwpfh", "q7fh2kd9wmz1", "mfrggzdfmztwq2lk", "vbxqpjktrwmzl"] {
            assert!(words.randomness(drawn.as_bytes()) > 0.8, "{drawn}: {}", words.bits(drawn.as_bytes()));
        }
    }

    #[test]
    fn short_and_internationalised_labels_are_not_judged() {
        let words = Words::new();
        assert_eq!(words.randomness(b"xkqvjz"), 0.0);
        assert_eq!(words.randomness(b"xn--qjzwpfhxk"), 0.0);
        assert!(words.bits(b"").is_finite());
        assert!(words.bits(&[0xff; 63]).is_finite());
    }

    #[test]
    fn entropy_is_that_of_shannon() {
        assert_eq!(entropy(b"aaaa".iter().copied()), 0.0);
        assert_eq!(entropy(b"abab".iter().copied()), 1.0);
        assert_eq!(entropy(0..=255), 8.0);
        assert_eq!(entropy(std::iter::empty()), 0.0);
    }
}
