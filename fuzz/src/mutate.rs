//! Changes to inputs: octets, pieces, numbers, words of a dictionary, two inputs crossed.

/// Longest input in octets: a message over TCP.
pub const MAX_INPUT: usize = 65_535;
/// Most changes to one input.
const MAX_CHANGES: usize = 8;
/// Numbers at the borders of fields.
const BORDERS: [u64; 12] = [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff, 0x7fff, 0xffff, 0xffff_ffff];

/// A generator of numbers that are the same for the same seed (splitmix64).
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 if there is none.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { (self.next() % end as u64) as usize }
    }
}

/// Changes `input` in one to eight places. `other` is another input; `words` may stand in one.
pub fn mutate(input: &mut Vec<u8>, other: &[u8], words: &[Vec<u8>], random: &mut Random) {
    // Few changes are the most fruitful, many are needed too.
    let changes = 1 + random.below(MAX_CHANGES).min(random.below(MAX_CHANGES));
    for _ in 0..changes {
        change(input, other, words, random);
    }
    input.truncate(MAX_INPUT);
}

fn change(input: &mut Vec<u8>, other: &[u8], words: &[Vec<u8>], random: &mut Random) {
    let at = random.below(input.len() + 1);
    match random.below(10) {
        0 => flip(input, at, random),
        1 => overwrite(input, at, &[random.next() as u8]),
        2 => insert(input, at, &[random.next() as u8]),
        3 => remove(input, at, random),
        4 => {
            let border = BORDERS[random.below(BORDERS.len())];
            let len = 1 << random.below(3);
            overwrite(input, at, &border.to_be_bytes()[8 - len..]);
        }
        5 => {
            let piece = piece(input, random).to_vec();
            insert(input, at, &piece);
        }
        6 => {
            let piece = piece(other, random).to_vec();
            if random.below(2) == 0 { insert(input, at, &piece) } else { overwrite(input, at, &piece) }
        }
        7 if !words.is_empty() => insert(input, at, &words[random.below(words.len())]),
        8 if !words.is_empty() => overwrite(input, at, &words[random.below(words.len())]),
        9 => input.truncate(at),
        _ => step(input, at, random),
    }
}

fn flip(input: &mut [u8], at: usize, random: &mut Random) {
    if let Some(octet) = input.get_mut(at) {
        *octet ^= 1 << random.below(8);
    }
}

/// A number goes up or down a little.
fn step(input: &mut [u8], at: usize, random: &mut Random) {
    if let Some(octet) = input.get_mut(at) {
        *octet = octet.wrapping_add(random.below(7) as u8).wrapping_sub(3);
    }
}

fn overwrite(input: &mut [u8], at: usize, piece: &[u8]) {
    input[at..].iter_mut().zip(piece).for_each(|(octet, new)| *octet = *new);
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    if input.len() + piece.len() <= MAX_INPUT {
        input.splice(at..at, piece.iter().copied());
    }
}

fn remove(input: &mut Vec<u8>, at: usize, random: &mut Random) {
    let len = random.below((input.len() - at).min(32) + 1);
    input.drain(at..at + len);
}

/// Some of `input`, short ones more often.
fn piece<'a>(input: &'a [u8], random: &mut Random) -> &'a [u8] {
    let from = random.below(input.len());
    let len = random.below(input.len() - from + 1).min(1 << random.below(10));
    &input[from..from + len]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_input_can_be_changed() {
        let mut random = Random(1);
        let words = [b"word".to_vec(), Vec::new()];
        for seed in [b"".to_vec(), b"a".to_vec(), vec![7; MAX_INPUT]] {
            let mut changed = 0;
            for _ in 0..2000 {
                let mut input = seed.clone();
                mutate(&mut input, b"other", &words, &mut random);
                assert!(input.len() <= MAX_INPUT);
                changed += usize::from(input != seed);
            }
            assert!(changed > 500, "{changed}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_inputs() {
        let run = || {
            let (mut random, mut input) = (Random(5), b"some input".to_vec());
            (0..100).for_each(|_| mutate(&mut input, b"other", &[], &mut random));
            input
        };
        assert_eq!(run(), run());
    }
}
