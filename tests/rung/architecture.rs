//! Holds the house rules that a machine can check, by reading the sources.

use std::path::{Path, PathBuf};

/// The floors of the house, lowest first: a file may import from its own floor's part and from lower floors.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("store", &["domain"]),
    ("engine", &["domain", "store"]),
    ("workers", &["domain", "engine"]),
    ("edge", &["domain", "engine", "pb"]),
    ("client", &["pb"]),
    ("pb", &[]),
    ("telemetry", &[]),
    ("config", &["domain", "engine", "telemetry"]),
];

fn sources(under: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join(under)];
    while let Some(folder) = folders.pop() {
        for item in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = item.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root).unwrap().to_owned(), text));
            }
        }
    }
    assert!(!found.is_empty(), "no sources under {under}");
    found
}

/// The part of the house a file belongs to: its folder below `src`, or its own name.
fn part(path: &Path) -> String {
    let first = path.components().nth(1).unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Whether a file holds nothing but the unit tests of its folder.
fn is_unit_tests(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("tests"))
}

/// Code without comments and without unit tests.
fn code(text: &str) -> String {
    let body = without_tests(text);
    let lines = body.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// The text without each `#[cfg(test)]` and the one item below it, which ends with the first line of its own indentation
/// that closes something: `mod tests;`, a brace, a field.
fn without_tests(text: &str) -> String {
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let mut kept = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            let indent = indentation(line);
            lines.by_ref().find(|line| indentation(line) == indent && line.ends_with([';', '}', ',']));
        } else {
            kept.push(line);
        }
    }
    kept.join("\n")
}

#[test]
fn only_what_is_for_tests_is_left_out() {
    let text = "mod a;\n#[cfg(test)]\n#[path = \"x\"]\nmod b;\nfn c() {\n    #[cfg(test)]\n    d();\n    e();\n}\n\
                #[cfg(test)]\nfn f(\n    g: u8,\n) -> u8 {\n    g\n}\nfn h() {}\n#[cfg(test)]\nmod i {\n    use j;\n}\nfn k() {}";
    assert_eq!(without_tests(text), "mod a;\nfn c() {\n    e();\n}\nfn h() {}\nfn k() {}");
}

#[test]
fn imports_only_go_down() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        let part = part(&path);
        if part == "main" || part == "lib" || part == "serve" {
            continue;
        }
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == part) else {
            wrong.push(format!("{}: `{part}` has no floor in this house", path.display()));
            continue;
        };
        for (at, _) in code(&text).match_indices("crate::") {
            let text = code(&text);
            let named: String = text[at + 7..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if named != part && !allowed.contains(&named.as_str()) {
                wrong.push(format!("{}: imports crate::{named}", path.display()));
            }
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_domain_is_pure() {
    let banned = [
        "std::time::",
        "SystemTime",
        "time::Instant",
        "Timestamp::now",
        "Zoned::now",
        "async ",
        ".await",
        "tracing",
        "println!",
        "eprintln!",
        "f32",
        "f64",
        "std::fs",
        "std::net",
        "std::env",
        "std::thread",
        "tokio",
        "prost",
        "tonic",
        "rand::",
    ];
    let mut wrong = Vec::new();
    for (path, text) in sources("src/domain").into_iter().filter(|(path, _)| !is_unit_tests(path)) {
        let text = code(&text);
        // The CEL parser recurses deeply: a bounded thread with a stack of its own, joined before it answers.
        let text = if path.ends_with("condition/parse.rs") { text.replace("std::thread", "") } else { text };
        // What may be expected of a member is no number of hers: forecasts reckon in floats and move nothing.
        let text = if path.starts_with("src/domain/insight/forecast") { text.replace("f64", "") } else { text };
        let found = banned.iter().filter(|word| text.contains(**word));
        wrong.extend(found.map(|word| format!("{}: {word}", path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_file_reads_the_clock_of_the_operating_system() {
    let readings = ["SystemTime::now", "UNIX_EPOCH.elapsed", "Timestamp::now", "Zoned::now"];
    let readers: Vec<String> = sources("src")
        .into_iter()
        // The other side of the wire is a till of its own, with a clock of its own.
        .filter(|(path, _)| part(path) != "client" && !is_unit_tests(path))
        .filter(|(_, text)| readings.iter().any(|reading| code(text).contains(reading)))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert_eq!(readers, ["src/engine/clock.rs"]);
}

#[test]
fn the_wire_is_spoken_at_both_ends_of_it_only() {
    // `pb` is what was generated from the wire's description.
    let ends = ["edge", "client", "pb"];
    let mut wrong = Vec::new();
    for (path, text) in sources("src").into_iter().filter(|(path, _)| !ends.contains(&&*part(path))) {
        // Traces leave over a transport of their own, which happens to be called after the library it uses.
        let text = code(&text).replace(".with_tonic()", "");
        if ["tonic", "prost"].iter().any(|word| text.contains(word)) {
            wrong.push(path.display().to_string());
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn sled_is_spoken_behind_the_seam_only() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        let inside = path.starts_with("src/store/embedded") || path.starts_with("src/store/embedded.rs");
        if !inside && code(&text).contains("sled::") {
            wrong.push(path.display().to_string());
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<String> = sources("src")
        .into_iter()
        .filter(|(path, text)| !text.starts_with("//!") && !is_unit_tests(path))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
}

/// The longest a file may grow, tests aside; a longer one is two subjects.
const FILE_LINES_MAX: usize = 600;
/// The longest a function may grow.
const FUNCTION_LINES_MAX: usize = 70;

#[test]
fn files_and_functions_stay_small() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        let body = without_tests(&text);
        let length = body.lines().count();
        if length > FILE_LINES_MAX {
            wrong.push(format!("{}: {length} lines", path.display()));
        }
        wrong
            .extend(long_functions(&body).map(|(name, lines)| format!("{}: {name} has {lines} lines", path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Functions longer than allowed: from a line that opens one to the brace that closes at the same indentation.
fn long_functions(text: &str) -> impl Iterator<Item = (String, usize)> + '_ {
    let lines: Vec<&str> = text.lines().collect();
    let starts = lines.iter().enumerate().filter(|(_, line)| {
        let code = line.trim_start();
        let words = ["fn ", "pub fn ", "async fn ", "pub async fn ", "const fn ", "pub const fn ", "pub(super) fn "];
        words.iter().any(|word| code.starts_with(word))
    });
    let found: Vec<(String, usize)> = starts
        .filter_map(|(at, line)| {
            let indent = line.len() - line.trim_start().len();
            let close = format!("{}}}", " ".repeat(indent));
            let end = lines.iter().skip(at).position(|line| *line == close)?;
            (end > FUNCTION_LINES_MAX).then(|| (line.trim().to_owned(), end))
        })
        .collect();
    found.into_iter()
}
