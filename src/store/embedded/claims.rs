//! Which entry made a claim: fingerprints in memory until the keeper writes them to pages, and a filter in front.
//!
//! A claim is a hash, so its first eight bytes tell claims apart well enough: whatever is found is proven by reading
//! the entry. A new claim costs one look at each filter; the filters double in size one after the other, so there are
//! few. Pages are only ever appended to: of a bucket just the last, partial page is written again, so that what a
//! claim costs does not grow with what is stored.

use std::collections::HashSet;

use super::bloom::Bloom;
use super::rows::Rows;
use crate::domain::event::Seq;
use crate::domain::order::Claim;
use crate::store::ReadError;
use crate::store::format::rows::{CLAIMS_MAX, Roll, WARDS, claims_key, claims_of, claims_page, claims_place};

/// How many claims the first filter is made for; the next for twice as many, and so on.
const FIRST: usize = 4 << 20;
/// How many claims share a bucket when a generation is full.
const BUCKET: usize = 1 << 10;

/// A claim's first eight bytes.
#[must_use]
pub fn print_of(claim: &Claim) -> u64 {
    claim.0.first_chunk::<8>().map_or(0, |first| u64::from_be_bytes(*first))
}

/// The ward a fingerprint belongs to.
#[must_use]
pub const fn ward_of(print: u64) -> u8 {
    (print >> 56) as u8
}

/// All claims.
pub struct Claims {
    generations: Vec<Generation>,
    first: usize,
}

/// A filter and the buckets behind it.
struct Generation {
    filter: Bloom,
    capacity: usize,
    count: usize,
    buckets: Vec<Bucket>,
}

#[derive(Clone, Default)]
struct Bucket {
    /// Not yet on a page.
    recent: Vec<(u64, Seq)>,
    /// Full pages, or where the next page goes.
    ordinal: u32,
    /// Claims on the last page.
    last_page: u16,
    /// The newest sequence number on any page.
    newest: Seq,
}

/// Where a claim may be found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    /// Entries that may have made it, from memory.
    pub recent: Vec<Seq>,
    /// Buckets whose pages may hold it: generation and bucket.
    pub buckets: Vec<(u8, u32)>,
}

/// Claims to be written for one ward.
pub struct Pages {
    buckets: Vec<BucketRest>,
}

/// Generation, bucket, and what of it is not on a page.
type BucketRest = (u8, u32, Vec<(u64, Seq)>);

impl Default for Claims {
    fn default() -> Self {
        Self::starting_with(FIRST)
    }
}

impl Generation {
    fn new(capacity: usize) -> Self {
        let buckets = (capacity / BUCKET).next_power_of_two().max(WARDS);
        Self { filter: Bloom::for_count(capacity), capacity, count: 0, buckets: vec![Bucket::default(); buckets] }
    }

    /// Buckets are chosen by the first bits, so that a ward has a run of them.
    const fn bucket_of(&self, print: u64) -> usize {
        (print >> (64 - self.buckets.len().trailing_zeros())) as usize
    }

    fn bucket(&mut self, print: u64) -> Option<&mut Bucket> {
        let at = self.bucket_of(print);
        self.buckets.get_mut(at)
    }

    /// A ward's buckets.
    fn ward(&self, ward: u8) -> std::ops::Range<usize> {
        let width = self.buckets.len() / WARDS;
        let first = usize::from(ward) * width;
        first..first + width
    }
}

impl Claims {
    fn starting_with(first: usize) -> Self {
        Self { generations: vec![Generation::new(first)], first }
    }

    /// Where to look for a claim; nowhere, if it was certainly never made.
    #[must_use]
    pub fn traces(&self, claim: &Claim) -> Option<Traces> {
        let print = print_of(claim);
        let mut traces = Traces::default();
        for (number, generation) in (0..).zip(&self.generations) {
            if !generation.filter.may_hold(print) {
                continue;
            }
            let at = generation.bucket_of(print);
            let Some(bucket) = generation.buckets.get(at) else { continue };
            traces.recent.extend(bucket.recent.iter().filter(|(held, _)| *held == print).map(|(_, seq)| *seq));
            if bucket.newest != Seq::NONE {
                traces.buckets.push((number, u32::try_from(at).unwrap_or(u32::MAX)));
            }
        }
        (!traces.recent.is_empty() || !traces.buckets.is_empty()).then_some(traces)
    }

    /// Remembers a claim.
    pub fn insert(&mut self, claim: &Claim, seq: Seq) {
        let print = print_of(claim);
        if self.generations.last().is_none_or(|newest| newest.count >= newest.capacity) {
            self.generations.push(Generation::new(self.first << self.generations.len()));
        }
        let Some(newest) = self.generations.last_mut() else { return };
        newest.filter.insert(print);
        newest.count += 1;
        if let Some(bucket) = newest.bucket(print) {
            bucket.recent.push((print, seq));
        }
    }

    /// Everything of a ward that is not on a page.
    #[must_use]
    pub fn pages(&self, ward: u8) -> Pages {
        let mut buckets = Vec::new();
        for (number, generation) in (0..).zip(&self.generations) {
            for at in generation.ward(ward) {
                let Some(bucket) = generation.buckets.get(at).filter(|bucket| !bucket.recent.is_empty()) else {
                    continue;
                };
                buckets.push((number, u32::try_from(at).unwrap_or(u32::MAX), bucket.recent.clone()));
            }
        }
        Pages { buckets }
    }

    /// Where a bucket's next claim goes: the page's ordinal, and how many claims are on it.
    fn end_of(&self, number: u8, at: u32) -> (u32, u16) {
        let bucket = self.generations.get(usize::from(number)).and_then(|g| g.buckets.get(at as usize));
        bucket.map_or((0, 0), |bucket| (bucket.ordinal, bucket.last_page))
    }

    /// Forgets from memory what is on pages now.
    pub fn kept(&mut self, pages: &Pages) {
        for (number, at, claims) in &pages.buckets {
            let generation = self.generations.get_mut(usize::from(*number));
            let Some(bucket) = generation.and_then(|g| g.buckets.get_mut(*at as usize)) else { continue };
            bucket.recent.drain(..claims.len().min(bucket.recent.len()));
            bucket.newest = claims.iter().map(|(_, seq)| *seq).fold(bucket.newest, Ord::max);
            let filled = usize::from(bucket.last_page) + claims.len();
            bucket.ordinal += u32::try_from(filled / CLAIMS_MAX).unwrap_or_default();
            bucket.last_page = u16::try_from(filled % CLAIMS_MAX).unwrap_or_default();
        }
    }

    /// Reads all pages back into the filters.
    ///
    /// # Errors
    /// If one cannot be read or is damaged.
    pub fn load(rows: &Rows) -> Result<(Self, Roll), ReadError> {
        Self::load_starting_with(FIRST, rows)
    }

    fn load_starting_with(first: usize, rows: &Rows) -> Result<(Self, Roll), ReadError> {
        let mut claims = Self::starting_with(first);
        let roll = rows.roll_of(b'c', |key, page| {
            let told = |damage| rows.damaged(&damage);
            let (number, at, ordinal) = claims_place(key).map_err(told)?;
            while claims.generations.len() <= usize::from(number) {
                claims.generations.push(Generation::new(claims.first << claims.generations.len()));
            }
            let Some(generation) = claims.generations.get_mut(usize::from(number)) else { return Ok(()) };
            let mut filled = 0;
            let mut newest = Seq::NONE;
            for (print, seq) in claims_of(page).map_err(told)? {
                generation.filter.insert(print);
                newest = newest.max(seq);
                filled += 1;
            }
            generation.count += filled;
            if let Some(bucket) = generation.buckets.get_mut(at as usize) {
                bucket.newest = bucket.newest.max(newest);
                let is_full = filled >= CLAIMS_MAX;
                bucket.ordinal = if is_full { ordinal + 1 } else { ordinal };
                bucket.last_page = if is_full { 0 } else { u16::try_from(filled).unwrap_or_default() };
            }
            Ok(())
        })?;
        Ok((claims, roll))
    }
}

impl Pages {
    /// Writes the pages; `emit` takes one row at a time. `ends` tells where each bucket's next claim goes.
    ///
    /// # Errors
    /// If a partial page cannot be read or is damaged; or what `emit` fails with.
    pub fn write(
        &self,
        rows: &Rows,
        ends: &[(u32, u16)],
        mut emit: impl FnMut(&[u8], Vec<u8>) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        for ((number, at, claims), (ordinal, filled)) in self.buckets.iter().zip(ends) {
            let mut held = match filled {
                0 => Vec::new(),
                _ => page_of(rows, &claims_key(*number, *at, *ordinal))?,
            };
            held.truncate(usize::from(*filled));
            held.extend_from_slice(claims);
            for (ordinal, page) in (*ordinal..).zip(held.chunks(CLAIMS_MAX)) {
                emit(&claims_key(*number, *at, ordinal), claims_page(page.iter().copied()))?;
            }
        }
        Ok(())
    }

    /// Where each bucket's next claim goes.
    #[must_use]
    pub fn ends(&self, claims: &Claims) -> Vec<(u32, u16)> {
        self.buckets.iter().map(|(number, at, _)| claims.end_of(*number, *at)).collect()
    }
}

fn page_of(rows: &Rows, key: &[u8]) -> Result<Vec<(u64, Seq)>, ReadError> {
    let Some(row) = rows.get(key)? else { return Ok(Vec::new()) };
    Ok(claims_of(row.payload()).map_err(|damage| rows.damaged(&damage))?.collect())
}

impl Traces {
    /// Every entry that may have made the claim, the oldest first.
    ///
    /// # Errors
    /// If a page cannot be read or is damaged.
    pub fn entries(&self, rows: &Rows, claim: &Claim) -> Result<Vec<Seq>, ReadError> {
        let print = print_of(claim);
        let mut found: HashSet<Seq> = self.recent.iter().copied().collect();
        for (generation, bucket) in &self.buckets {
            let (from, to) = (claims_key(*generation, *bucket, 0), claims_key(*generation, *bucket, u32::MAX));
            rows.scan(&from, &to, |_, page| {
                let held = claims_of(page).map_err(|damage| rows.damaged(&damage))?;
                found.extend(held.filter(|(held, _)| *held == print).map(|(_, seq)| seq));
                Ok(true)
            })?;
        }
        let mut entries: Vec<Seq> = found.into_iter().collect();
        entries.sort_unstable();
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::embedded::rows::{Batch, ROWS_MAX};
    use std::time::Duration;

    fn claim(n: u64) -> Claim {
        Claim(blake3::hash(&n.to_le_bytes()).as_bytes()[..16].try_into().unwrap())
    }

    fn keep(claims: &mut Claims, rows: &Rows, ward: u8) {
        let pages = claims.pages(ward);
        let mut batch = Batch::default();
        let ends = pages.ends(claims);
        pages
            .write(rows, &ends, |key, page| {
                batch.put(key, page);
                if batch.count() >= ROWS_MAX { rows.write(std::mem::take(&mut batch)) } else { Ok(()) }
            })
            .unwrap();
        rows.write(batch).unwrap();
        claims.kept(&pages);
    }

    fn finds(claims: &Claims, rows: &Rows, n: u64) -> bool {
        let found = claims.traces(&claim(n)).map(|traces| traces.entries(rows, &claim(n)).unwrap());
        found.is_some_and(|seqs| seqs.contains(&Seq(n)))
    }

    #[test]
    fn claims_are_found_in_memory_on_pages_and_after_loading() {
        let dir = tempfile::TempDir::new().unwrap();
        let (rows, _) = Rows::open(dir.path(), 1 << 20, Duration::from_secs(10)).unwrap();
        let mut claims = Claims::starting_with(2_000);
        // Enough for three generations, and for buckets of several pages.
        for n in 1..12_000 {
            claims.insert(&claim(n), Seq(n));
            if n % 1_000 == 0 {
                (0..=255).step_by(3).for_each(|ward| keep(&mut claims, &rows, ward));
            }
        }
        assert_eq!(claims.generations.len(), 3);
        assert!((1..12_000).all(|n| finds(&claims, &rows, n)));
        (0..=255).for_each(|ward| keep(&mut claims, &rows, ward));
        assert!((1..12_000).all(|n| finds(&claims, &rows, n)));
        assert!((0..=255).all(|ward| claims.pages(ward).buckets.is_empty()), "nothing is left in memory");
        let (loaded, _) = Claims::load_starting_with(2_000, &rows).unwrap();
        assert!((1..12_000).all(|n| finds(&loaded, &rows, n)));
        let ends = |claims: &Claims| -> Vec<(u32, u16)> {
            claims.generations.iter().flat_map(|g| g.buckets.iter().map(|b| (b.ordinal, b.last_page))).collect()
        };
        assert_eq!(ends(&claims), ends(&loaded), "the next claim goes where it would have gone");
        assert_eq!((12_000..112_000).filter(|n| claims.traces(&claim(*n)).is_some()).count() / 200, 0);
    }
}
