//! Files: reading snapshots where rows are aligned, key files, and writing that is never half done.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use enrich_core::snapshot::header::MAX_LEN;
use rkyv::util::AlignedVec;

/// What is wrong with the command line itself: exit 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

/// The bytes of a snapshot, at a multiple of 64.
pub(super) fn read_snapshot(path: &Path) -> Result<AlignedVec<64>> {
    let mut aligned = AlignedVec::<64>::new();
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes)
            .context("snapshot on standard input can't be read")?;
        aligned.extend_from_slice(&bytes);
    } else {
        read_aligned(path, &mut aligned)
            .with_context(|| format!("snapshot {} can't be read", path.display()))?;
    }
    Ok(aligned)
}

/// Reads a file to where it is needed: a copy of two gigabytes takes as long as their digests.
fn read_aligned(path: &Path, out: &mut AlignedVec<64>) -> std::io::Result<()> {
    let mut file = fs::File::open(path)?;
    let len = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    // A pipe has no length, and a file may grow.
    out.resize(len.min(MAX_LEN as usize), 0);
    let mut read = 0;
    while read < out.len() {
        match file.read(&mut out[read..]) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    out.resize(read, 0);
    let mut rest = Vec::new();
    file.read_to_end(&mut rest)?;
    out.extend_from_slice(&rest);
    Ok(())
}

/// Where a file that is to be written really goes: through a symbolic link, the file that it leads to. What
/// is there and is no regular file is refused: a rename would put a file in the place of a device or a pipe.
pub(super) fn place(path: &Path) -> Result<PathBuf> {
    if path.as_os_str() == "-" {
        bail!(Usage(
            "what is written is put in place as a whole, so it cannot go to standard output; name a file (./- for one of that name)".to_owned()
        ));
    }
    let is_link = fs::symlink_metadata(path).is_ok_and(|there| there.is_symlink());
    let name = path.display();
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => bail!("{name} is a folder; name a file in it"),
        Ok(there) if !there.is_file() => bail!(
            "{name} is no regular file but a device, a pipe or the like, and is not replaced; name a file"
        ),
        Ok(_) if is_link => path
            .canonicalize()
            .with_context(|| format!("what {name} links to can't be found; name a file")),
        Ok(_) => Ok(path.to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && is_link => {
            bail!("{name} is a symbolic link to a file that is not there; name the file itself")
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(error).with_context(|| format!("{name} can't be written")),
    }
}

/// As [`place`], before the work begins, and refuses to replace one of the files that are read.
pub(super) fn check_out<'a>(
    out: &Path,
    inputs: impl IntoIterator<Item = (&'static str, &'a Path)>,
) -> Result<()> {
    place(out)?;
    let Ok(there) = out.canonicalize() else {
        return Ok(());
    };
    for (what, input) in inputs {
        if input.canonicalize().is_ok_and(|input| input == there) {
            bail!(Usage(format!(
                "--out {} is the {what} that is read; name another file",
                out.display()
            )));
        }
    }
    Ok(())
}

/// Writes a file beside its place and renames it, so that a reader sees the old one or the new one.
pub(super) fn write_atomically(path: &Path, bytes: &[u8], private: bool) -> Result<()> {
    let path = &place(path)?;
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

    #[cfg(unix)]
    #[test]
    fn only_regular_files_are_replaced() {
        use std::os::unix::fs::{FileTypeExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let refused = |path: &Path| {
            write_atomically(path, b"new", false)
                .unwrap_err()
                .to_string()
        };
        // A socket stands for everything that is no file: devices are not for tests.
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        symlink(path("socket"), path("to-socket")).unwrap();
        for name in ["socket", "to-socket"] {
            assert!(refused(&path(name)).contains("no regular file"), "{name}");
        }
        let there = fs::symlink_metadata(path("socket")).unwrap();
        assert!(there.file_type().is_socket(), "as it was");
        assert!(
            fs::symlink_metadata(path("to-socket"))
                .unwrap()
                .is_symlink()
        );
        symlink(path("nowhere"), path("to-nowhere")).unwrap();
        assert!(refused(&path("to-nowhere")).contains("symbolic link"));
        assert!(refused(folder.path()).contains("folder"));
        assert!(refused(Path::new("-")).contains("standard output"));
        // A link to a file stays one, and its file is replaced.
        fs::write(path("file"), "old").unwrap();
        symlink("file", path("to-file")).unwrap();
        write_atomically(&path("to-file"), b"new", false).unwrap();
        assert!(fs::symlink_metadata(path("to-file")).unwrap().is_symlink());
        assert_eq!(fs::read(path("file")).unwrap(), b"new");
    }

    #[test]
    fn base64_has_its_padding() {
        assert_eq!(
            [base64(b""), base64(b"f"), base64(b"fo"), base64(b"foo")],
            ["", "Zg==", "Zm8=", "Zm9v"]
        );
    }
}
