//! `keygen`: an ed25519 key pair.

use std::path::PathBuf;

use anyhow::{Result, bail};
use ed25519_dalek::SigningKey;

use super::{Done, files};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// File of the private key; the public one goes beside it as FILE.pub.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace a key that is there; snapshots signed with it are then no longer trusted.
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &Args) -> Result<Done> {
    let mut public = args.out.clone().into_os_string();
    public.push(".pub");
    let public = PathBuf::from(public);
    for path in [&args.out, &public] {
        files::place(path)?;
        if path.exists() && !args.force {
            bail!(
                "{} is there already; name another file, or say --force to replace the key",
                path.display()
            );
        }
    }
    let mut seed = [0_u8; 32];
    if let Err(error) = getrandom::fill(&mut seed) {
        bail!("the system gives no random bytes: {error}");
    }
    let key = SigningKey::from_bytes(&seed);
    files::write_atomically(&args.out, files::private_key_text(&seed).as_bytes(), true)?;
    files::write_atomically(
        &public,
        files::public_key_text(key.verifying_key().as_bytes()).as_bytes(),
        false,
    )?;
    eprintln!(
        "private key {} (keep it with the exporter), public key {} (give it to every reader)",
        args.out.display(),
        public.display()
    );
    Ok(Done::Yes)
}
