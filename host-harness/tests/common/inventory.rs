//! Small snapshots, made when a test runs.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::PathBuf;

use enrich_core::snapshot::Header;
use enrich_core::vocabulary::Provider;
use snapshots::format::{build, sign};
use snapshots::model::{Inventory, Scope};

/// Seed of the key that tests trust.
pub(crate) const FRIEND: [u8; 32] = [7; 32];
/// Seed of a key that they do not.
pub(crate) const STRANGER: [u8; 32] = [8; 32];
/// 2026-03-20T06:00:00Z.
pub(crate) const CREATED_MS: i64 = 1_773_986_400_000;

/// A CloudTrail event of the covered account.
pub(crate) const EVENT: &str = r#"{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"AIDARTX3GSDSRAOPG3HK3","arn":"arn:aws:iam::111122223333:user/x","accountId":"111122223333","userName":"x"},"eventTime":"2026-03-20T06:00:07Z","eventSource":"sts.amazonaws.com","eventName":"GetCallerIdentity","awsRegion":"eu-west-1","sourceIPAddress":"198.51.100.7","userAgent":"x","recipientAccountId":"111122223333"}"#;

/// An unsigned snapshot that covers one account and knows nobody in it.
pub(crate) fn snapshot(sequence: u64) -> Vec<u8> {
    let mut inventory = Inventory::default();
    inventory.meta.organization = "Northwind Outfitters".into();
    inventory.meta.created_ms = CREATED_MS;
    inventory.meta.sequence = sequence;
    inventory.meta.valid_for_s = 86_400;
    inventory.scopes.push(Scope {
        provider: Provider::Aws,
        domain: "111122223333".into(),
        part: String::new(),
        name: None,
        owner: None,
        escalation_policy: None,
        covered: true,
        environment: Vec::new(),
    });
    build(&inventory).expect("fits the format")
}

/// The same, signed.
pub(crate) fn signed(sequence: u64, seed: &[u8; 32]) -> Vec<u8> {
    let mut bytes = snapshot(sequence);
    sign(&mut bytes, seed).expect("signs");
    bytes
}

/// The public key of a seed, as key files hold it.
pub(crate) fn public_key(seed: &[u8; 32]) -> String {
    let signer = Header::parse(&signed(1, seed)).expect("a snapshot").signer;
    format!("whose-public-ed25519:{}", base64(&signer))
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .chain([0; 2].iter().take(3 - chunk.len()))
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        for at in 0..4 {
            let six = (bits >> (18 - 6 * at)) & 63;
            out.push(if at <= chunk.len() {
                char::from(ALPHABET[six as usize])
            } else {
                '='
            });
        }
    }
    out
}

/// The real guest, when it has been built (`cargo xtask test` builds it first).
pub(crate) fn real_module() -> Option<PathBuf> {
    let executable = std::env::current_exe().ok();
    let found = host_harness::discover::module(
        None,
        std::env::var_os("WHOSE_MODULE").as_deref(),
        executable.as_deref(),
    );
    if found.is_err() {
        eprintln!(
            "the guest is not built: only the native half of this test ran; `cargo xtask test` runs both"
        );
    }
    found.ok()
}
