use super::*;

const AADVANTAGE: &str = include_str!("../../../../deploy/programs/aadvantage.toml");
const CDNOW: &str = include_str!("../../../../deploy/programs/cdnow.toml");

fn flaws(text: &str) -> Vec<String> {
    let read = read(text, 1, Moment::BEGINNING, &Register::default());
    read.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn the_sample_programs_are_sound() {
    assert_eq!(flaws(AADVANTAGE), Vec::<String>::new());
    assert_eq!(flaws(CDNOW), Vec::<String>::new());
}
