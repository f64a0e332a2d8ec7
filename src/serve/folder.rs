//! What the data folder holds beside the store: the mark of a test clock, the secret identifiers are hashed under, and
//! that secret's fingerprint. They outlive a process and bind the next one. It must not know what the store keeps; `--store memory` never comes here.

use std::io::ErrorKind;
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
/// Tells whether a secret is the one the folder was made under.
const KEY_FINGERPRINT: &str = "identifier.fingerprint";

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
///
/// Under another secret no card is found that was linked before: what is sent again by card is taken for somebody else's,
/// and its holder could enrol a second time. So the folder remembers which secret it was made under, and a folder with entries is opened with no other.
pub fn identifier_key(settings: &Settings, status: &Status) -> anyhow::Result<[u8; 32]> {
    let (data, is_empty) = (settings.data.as_path(), status.head.0 == 0);
    let path = settings.identifier_key.clone().unwrap_or_else(|| data.join(IDENTIFIER_KEY));
    if !path.exists() {
        ensure!(settings.identifier_key.is_none(), "the identifier key {} does not exist", path.display());
        ensure!(is_empty, "{}", missing(data, &path));
        write_durably(&path, &format!("{}\n", blake3::Hash::from_bytes(fresh_key()).to_hex()))?;
    }
    let key = read_key(&path)?;
    agree_on_key(data, &path, &key, is_empty)?;
    Ok(key)
}

/// Holds the key against the folder's fingerprint. A folder without entries, or from before there were fingerprints, gets
/// one: nothing is recorded before it is there.
fn agree_on_key(data: &Path, path: &Path, key: &[u8; 32], is_empty: bool) -> anyhow::Result<()> {
    let file = data.join(KEY_FINGERPRINT);
    let fingerprint = fingerprint(key);
    let known = match std::fs::read_to_string(&file) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
    };
    match known {
        Some(known) if known.trim() == fingerprint => Ok(()),
        Some(_) if !is_empty => bail!("{}", different(data, path)),
        _ => write_durably(&file, &format!("{fingerprint}\n")),
    }
}

/// What tells a key from another without telling the key.
fn fingerprint(key: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(blake3::derive_key("rung identifier key fingerprint v1", key)).to_hex().to_string()
}

fn missing(data: &Path, path: &Path) -> String {
    let (data, path) = (data.display(), path.display());
    format!(
        "{data} has entries, and the key its identifiers are hashed under is not there: put {path} back from your \
         backup, or name the key with --identifier-key; no other key can find a member by her card"
    )
}

fn different(data: &Path, path: &Path) -> String {
    let (data, path) = (data.display(), path.display());
    format!(
        "{path} is not the key that the identifiers in {data} are hashed under: start with that key; with any other no \
         member is found by her card, and anybody could enrol with it again"
    )
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
