//! The file around the tables: sections, directory, chunk table, header, signature.

use ed25519_dalek::Signer;
use enrich_core::SnapshotError;
use enrich_core::snapshot::header::{
    ALIGNMENT, CHUNK_LEN, ENTRY_LEN, HEADER_LEN, Header, MAX_LEN, SIGNATURE_AT, SIGNER_AT,
};
use enrich_core::snapshot::integrity::{SIGNING_CONTEXT, chunk_digest, header_digest};
use enrich_core::snapshot::schema::section;
use rkyv::api::high::HighSerializer;
use rkyv::rancor::Error;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;

use super::BuildError;

/// Sections in the order in which they will stand in the file.
#[derive(Debug, Default)]
pub struct Sections {
    entries: Vec<(u32, u32, u64, AlignedVec)>,
}

impl Sections {
    /// Archives the rows of one section.
    pub fn push<R>(&mut self, id: u32, rows: &Vec<R>) -> Result<(), BuildError>
    where
        R: rkyv::Archive
            + for<'a> rkyv::Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, Error>>,
    {
        let bytes = rkyv::to_bytes::<Error>(rows).map_err(|_| BuildError::TooLarge {
            what: "bytes of one section",
            count: (rows.len() * size_of::<R::Archived>()) as u64,
            limit: MAX_LEN,
        })?;
        self.entries.push((
            id,
            size_of::<R::Archived>() as u32,
            rows.len() as u64,
            bytes,
        ));
        Ok(())
    }

    /// Lays everything out, and fills in the header's length, section count and digest.
    pub fn write(self, mut header: Header) -> Result<Vec<u8>, BuildError> {
        let mut places = Vec::with_capacity(self.entries.len());
        let mut body_len = 0_usize;
        for (id, row_len, rows, bytes) in &self.entries {
            body_len = body_len.next_multiple_of(ALIGNMENT);
            places.push((*id, *row_len, *rows, body_len as u64, bytes.len() as u64));
            body_len += bytes.len();
        }
        // The size of the chunk table is known before the chunks are: everything is laid out once,
        // and a section is let go when it is copied.
        let chunks = body_len.div_ceil(CHUNK_LEN);
        let unknown = rkyv::to_bytes::<Error>(&vec![[0_u8; 32]; chunks]);
        let table_len = unknown.map_or(0, |table| table.len());
        let table_at = (HEADER_LEN + (places.len() + 1) * ENTRY_LEN).next_multiple_of(ALIGNMENT);
        let body_at = (table_at + table_len).next_multiple_of(ALIGNMENT);
        let total = (body_at + body_len) as u64;
        if total > MAX_LEN {
            return Err(BuildError::TooLarge {
                what: "bytes",
                count: total,
                limit: MAX_LEN,
            });
        }
        let mut out = Vec::with_capacity(total as usize);
        out.resize(body_at, 0);
        for (_, _, _, bytes) in self.entries {
            let at = body_at + (out.len() - body_at).next_multiple_of(ALIGNMENT);
            out.resize(at, 0);
            out.extend_from_slice(&bytes);
        }
        let digests: Vec<[u8; 32]> = out[body_at..].chunks(CHUNK_LEN).map(chunk_digest).collect();
        let table = rkyv::to_bytes::<Error>(&digests).map_err(|_| BuildError::TooLarge {
            what: "chunks",
            count: digests.len() as u64,
            limit: MAX_LEN / CHUNK_LEN as u64,
        })?;
        let mut directory = Vec::with_capacity((places.len() + 1) * ENTRY_LEN);
        let mut entry = |id: u32, row_len: u32, offset: u64, len: u64, rows: u64| {
            directory.extend_from_slice(&id.to_le_bytes());
            directory.extend_from_slice(&row_len.to_le_bytes());
            directory.extend_from_slice(&offset.to_le_bytes());
            directory.extend_from_slice(&len.to_le_bytes());
            directory.extend_from_slice(&rows.to_le_bytes());
        };
        entry(
            section::CHUNKS,
            32,
            table_at as u64,
            table.len() as u64,
            digests.len() as u64,
        );
        for (id, row_len, rows, at, len) in &places {
            entry(*id, *row_len, body_at as u64 + at, *len, *rows);
        }
        header.total_len = total;
        header.section_count = places.len() as u32 + 1;
        header.digest = header_digest(&header.to_bytes(), &directory, &table);
        let header = header.to_bytes();
        let front = header.iter().chain(&directory);
        for (slot, byte) in out.iter_mut().zip(front) {
            *slot = *byte;
        }
        out[table_at..table_at + table.len()].copy_from_slice(&table);
        Ok(out)
    }
}

/// Signs a snapshot in place with an ed25519 seed. Signing again replaces the signature; nothing
/// else in the file changes.
///
/// # Errors
/// When the bytes do not begin with a snapshot's header.
pub fn sign(bytes: &mut [u8], seed: &[u8; 32]) -> Result<(), BuildError> {
    let _ = Header::parse(bytes)?;
    let key = ed25519_dalek::SigningKey::from_bytes(seed);
    let truncated = BuildError::Snapshot(SnapshotError::Truncated {
        need: HEADER_LEN as u64,
        have: bytes.len() as u64,
    });
    let Some((signed, rest)) = bytes.split_at_mut_checked(SIGNATURE_AT) else {
        return Err(truncated);
    };
    signed[SIGNER_AT..].copy_from_slice(key.verifying_key().as_bytes());
    let mut message = SIGNING_CONTEXT.to_vec();
    message.extend_from_slice(signed);
    let signature = key.sign(&message).to_bytes();
    rest[..signature.len()].copy_from_slice(&signature);
    Ok(())
}
