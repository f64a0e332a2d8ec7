//! What the data folder holds beside the store: the mark of a test clock, and the secret identifiers are hashed under.
//! Both outlive a process and bind the next one. It must not know what the store keeps; `--store memory` never comes here.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use rung::config::Settings;
use rung::domain::calendar::rfc3339;
use rung::engine::clock::Clock;
use rung::store::Status;

/// Marks a data folder whose moments come from a test clock.
const TEST_CLOCK_MARK: &str = "test-clock";
/// The secret, if no other file is named.
const IDENTIFIER_KEY: &str = "identifier.key";

/// The clock, after holding the folder's mark against the flag: moments of a test must never mix with real ones.
pub fn clock(settings: &Settings, status: &Status) -> anyhow::Result<Clock> {
    let mark = settings.data.join(TEST_CLOCK_MARK);
    match settings.test_clock {
        None if mark.exists() => {
            bail!("{} was made under a test clock; start it with --test-clock", settings.data.display())
        }
        None => Ok(Clock::system()),
        Some(_) if !mark.exists() && status.head.0 > 0 => {
            bail!("{} was made under the real clock and cannot be opened with --test-clock", settings.data.display())
        }
        Some(from) => {
            let stands = from.max(status.head_recorded_at);
            write_durably(&mark, &format!("{}\n", rfc3339(from)))?;
            Ok(Clock::test(stands))
        }
    }
}

/// The secret identifiers are hashed under; made on first use, readable by its owner alone.
pub fn identifier_key(settings: &Settings) -> anyhow::Result<[u8; 32]> {
    let path = settings.identifier_key.clone().unwrap_or_else(|| settings.data.join(IDENTIFIER_KEY));
    if !path.exists() {
        ensure!(settings.identifier_key.is_none(), "the identifier key {} does not exist", path.display());
        write_durably(&path, &format!("{}\n", blake3::Hash::from_bytes(fresh_key()).to_hex()))?;
    }
    read_key(&path)
}

/// The secret a file holds.
pub fn read_key(path: &Path) -> anyhow::Result<[u8; 32]> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let key = blake3::Hash::from_hex(text.trim())
        .with_context(|| format!("{} does not hold 64 hexadecimal digits", path.display()))?;
    Ok(*key.as_bytes())
}

/// A secret nobody had before.
pub fn fresh_key() -> [u8; 32] {
    let fresh: Vec<String> = (0..4).map(|_| uuid::Uuid::new_v4().simple().to_string()).collect();
    *blake3::hash(fresh.concat().as_bytes()).as_bytes()
}

/// Writes a small file so that it is there after a power cut, or not at all.
fn write_durably(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let temporary = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    if let Some(folder) = path.parent() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
