//! Files: reading snapshots where rows are aligned, key files, and writing that is never half done.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use rkyv::util::AlignedVec;

/// The bytes of a snapshot, at a multiple of 64.
pub(super) fn read_snapshot(path: &Path) -> Result<AlignedVec<64>> {
    let bytes = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes)
            .context("snapshot on standard input can't be read")?;
        bytes
    } else {
        fs::read(path).with_context(|| format!("snapshot {} can't be read", path.display()))?
    };
    let mut aligned = AlignedVec::<64>::with_capacity(bytes.len());
    aligned.extend_from_slice(&bytes);
    Ok(aligned)
}

/// Writes a file beside its place and renames it, so that a reader sees the old one or the new one.
pub(super) fn write_atomically(path: &Path, bytes: &[u8], private: bool) -> Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".whose-")
        .tempfile_in(folder)
        .with_context(|| format!("nothing can be written in {}", folder.display()))?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.as_file().sync_all());
    written.with_context(|| format!("{} can't be written", path.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Temporary files are private; a snapshot is meant to be read by the pipeline.
        let mode = if private { 0o600 } else { 0o644 };
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode))
            .with_context(|| format!("mode of {} can't be set", path.display()))?;
    }
    #[cfg(not(unix))]
    let _ = private;
    file.persist(path)
        .with_context(|| format!("{} can't be put in place", path.display()))?;
    Ok(())
}

const PRIVATE: &str = "whose-private-ed25519:";
const PUBLIC: &str = "whose-public-ed25519:";

/// The text of a private key file.
pub(super) fn private_key_text(seed: &[u8; 32]) -> String {
    format!("{PRIVATE}{}\n", base64(seed))
}

/// The text of a public key file.
pub(super) fn public_key_text(key: &[u8; 32]) -> String {
    format!("{PUBLIC}{}\n", base64(key))
}

/// Reads a private key file. What stands in it never reaches a message.
pub(super) fn read_private_key(path: &Path) -> Result<[u8; 32]> {
    let text = fs::read_to_string(path).with_context(|| {
        format!(
            "signing key {} can't be read; `whose-snapshot keygen --out FILE` makes one",
            path.display()
        )
    })?;
    let text = text.trim();
    if text.starts_with(PUBLIC) {
        bail!(
            "{} is the public half of a key; signing needs the private one",
            path.display()
        );
    }
    text.strip_prefix(PRIVATE)
        .and_then(from_base64)
        .with_context(|| {
            format!(
                "{} is no signing key: one line {PRIVATE}BASE64 is expected",
                path.display()
            )
        })
}

/// Reads a public key file.
pub(super) fn read_public_key(path: &Path) -> Result<[u8; 32]> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("public key {} can't be read", path.display()))?;
    let text = text.trim();
    if text.starts_with(PRIVATE) {
        bail!(
            "{} is a private key; name its public half, and keep the private one away from readers",
            path.display()
        );
    }
    text.strip_prefix(PUBLIC)
        .and_then(from_base64)
        .with_context(|| {
            format!(
                "{} is no public key: one line {PUBLIC}BASE64 is expected",
                path.display()
            )
        })
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().enumerate().fold(0_u32, |bits, (at, byte)| {
            bits | u32::from(*byte) << (16 - 8 * at)
        });
        for digit in 0..4 {
            let shown = digit <= chunk.len();
            out.push(if shown {
                char::from(ALPHABET[(bits >> (18 - 6 * digit) & 63) as usize])
            } else {
                '='
            });
        }
    }
    out
}

fn from_base64(text: &str) -> Option<[u8; 32]> {
    let mut out = Vec::with_capacity(33);
    let digits = text.trim_end_matches('=').as_bytes();
    for chunk in digits.chunks(4) {
        let mut bits = 0_u32;
        for (at, digit) in chunk.iter().enumerate() {
            let value = ALPHABET.iter().position(|known| known == digit)?;
            bits |= (value as u32) << (18 - 6 * at);
        }
        out.extend_from_slice(&bits.to_be_bytes()[1..chunk.len()]);
    }
    out.try_into().ok()
}

/// Hexadecimal, for digests.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_from_their_files() {
        let folder = tempfile::tempdir().unwrap();
        let seed: [u8; 32] = core::array::from_fn(|n| (n * 37 + 5) as u8);
        let (private, public) = (folder.path().join("k"), folder.path().join("k.pub"));
        write_atomically(&private, private_key_text(&seed).as_bytes(), true).unwrap();
        write_atomically(&public, public_key_text(&seed).as_bytes(), false).unwrap();
        assert_eq!(read_private_key(&private).unwrap(), seed);
        assert_eq!(read_public_key(&public).unwrap(), seed);
        assert!(
            read_private_key(&public)
                .unwrap_err()
                .to_string()
                .contains("public half")
        );
        assert!(
            read_public_key(&private)
                .unwrap_err()
                .to_string()
                .contains("private key")
        );
        fs::write(&private, "whose-private-ed25519:AAAA").unwrap();
        let error = read_private_key(&private).unwrap_err().to_string();
        assert!(
            error.contains("no signing key") && !error.contains("AAAA"),
            "{error}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn private_files_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        for (private, mode) in [(true, 0o600), (false, 0o644)] {
            let path = folder.path().join(format!("{private}"));
            write_atomically(&path, b"x", private).unwrap();
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                mode
            );
        }
    }

    #[test]
    fn base64_has_its_padding() {
        assert_eq!(
            [base64(b""), base64(b"f"), base64(b"fo"), base64(b"foo")],
            ["", "Zg==", "Zm8=", "Zm9v"]
        );
    }
}
