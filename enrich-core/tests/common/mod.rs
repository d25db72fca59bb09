//! What the integration tests share: aligned bytes, resealing, seeded numbers, events.

#![allow(
    dead_code,
    reason = "each test program uses its own part of this module"
)]

pub(crate) mod inventory;

use std::ops::Range;

use enrich_core::snapshot::header::{CHUNK_LEN, DIGEST_AT, ENTRY_LEN, HEADER_LEN};
use enrich_core::snapshot::integrity::{chunk_digest, header_digest};
use enrich_core::vocabulary::Format;
use enrich_core::{Check, Config, Enricher, LayerHandle, Snapshot, SnapshotError, Trust};
use rkyv::util::AlignedVec;
use snapshots::format;
use snapshots::model::Inventory;

/// Bytes that start at a multiple of 64.
pub(crate) type Aligned = AlignedVec<64>;

/// The cluster that Kubernetes events are of.
pub(crate) const CLUSTER: &str = "prod-eu";

/// Seed of the key that signs the test snapshots. It protects nothing.
pub(crate) const SIGNING_SEED: [u8; 32] = *b"whose golden test key, no secret";

/// A copy that starts at a multiple of 64.
pub(crate) fn aligned(bytes: &[u8]) -> Aligned {
    let mut out = Aligned::with_capacity(bytes.len());
    out.extend_from_slice(bytes);
    out
}

/// An unsigned snapshot.
pub(crate) fn build(inventory: &Inventory) -> Aligned {
    aligned(&format::build(inventory).expect("the inventory fits the format"))
}

/// A snapshot signed with a seed.
pub(crate) fn build_signed(inventory: &Inventory, seed: &[u8; 32]) -> Aligned {
    let mut bytes = build(inventory);
    format::sign(&mut bytes, seed).expect("a snapshot that was just built can be signed");
    bytes
}

/// The public key of a seed.
pub(crate) fn public_key(seed: &[u8; 32]) -> [u8; 32] {
    ed25519_dalek::SigningKey::from_bytes(seed)
        .verifying_key()
        .to_bytes()
}

/// Opens with no trusted key.
pub(crate) fn open(bytes: &[u8]) -> Result<Snapshot<'_>, SnapshotError> {
    Snapshot::open(bytes, Check::All, &Trust::default())
}

/// The digest in a snapshot's header.
pub(crate) fn digest(bytes: &[u8]) -> [u8; 32] {
    bytes[DIGEST_AT..DIGEST_AT + 32].try_into().unwrap()
}

/// A configuration that knows the cluster.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.set_default_domain(Format::K8sAudit, CLUSTER);
    config
}

/// An enricher with one snapshot, fully checked.
pub(crate) fn enricher(bytes: &[u8]) -> Enricher<'_> {
    let mut enricher = Enricher::new(config());
    attach(&mut enricher, bytes).expect("a good snapshot");
    enricher
}

/// Attaches, fully checked, at no particular time.
pub(crate) fn attach<'s>(
    enricher: &mut Enricher<'s>,
    bytes: &'s [u8],
) -> Result<LayerHandle, SnapshotError> {
    enricher.attach(bytes, Check::All, None)
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// Where the entry of a section stands in the directory.
pub(crate) fn entry_at(bytes: &[u8], section: u32) -> usize {
    let count = u32_at(bytes, 100) as usize;
    (0..count)
        .map(|number| HEADER_LEN + number * ENTRY_LEN)
        .find(|at| u32_at(bytes, *at) == section)
        .unwrap_or_else(|| panic!("no section {section}"))
}

/// The bytes of a section's rows and the length of one.
pub(crate) fn rows_of(bytes: &[u8], section: u32) -> (Range<usize>, usize) {
    let entry = entry_at(bytes, section);
    let (row_len, from, rows) = (
        u32_at(bytes, entry + 4) as usize,
        u64_at(bytes, entry + 8) as usize,
        u64_at(bytes, entry + 24) as usize,
    );
    (from..from + rows * row_len, row_len)
}

/// Where the body, which the chunk digests cover, begins.
pub(crate) fn body_at(bytes: &[u8]) -> usize {
    let end = u64_at(bytes, HEADER_LEN + 8).wrapping_add(u64_at(bytes, HEADER_LEN + 16)) as usize;
    end.checked_next_multiple_of(64)
        .unwrap_or(usize::MAX)
        .min(bytes.len())
}

/// Makes the digests fit changed bytes again, as whoever builds hostile files would: chunk digests
/// first, the header's digest over them. Leaves alone what does not lie where it should.
pub(crate) fn reseal(bytes: &mut [u8]) {
    if bytes.len() < HEADER_LEN + ENTRY_LEN {
        return;
    }
    let body = body_at(bytes);
    let digests: Vec<[u8; 32]> = bytes[body..].chunks(CHUNK_LEN).map(chunk_digest).collect();
    let table = u64_at(bytes, HEADER_LEN + 8) as usize;
    let table_len = u64_at(bytes, HEADER_LEN + 16) as usize;
    for (number, digest) in digests.iter().enumerate() {
        if let Some(place) = table
            .checked_add(number * 32)
            .and_then(|at| bytes.get_mut(at..at.checked_add(32)?))
        {
            place.copy_from_slice(digest);
        }
    }
    let directory_end = HEADER_LEN + (u32_at(bytes, 100) as usize).saturating_mul(ENTRY_LEN);
    let (Some(directory), Some(chunk_table)) = (
        bytes.get(HEADER_LEN..directory_end),
        table
            .checked_add(table_len)
            .and_then(|end| bytes.get(table..end)),
    ) else {
        return;
    };
    let digest = header_digest(&bytes[..HEADER_LEN], directory, chunk_table);
    bytes[DIGEST_AT..DIGEST_AT + 32].copy_from_slice(&digest);
}

/// A linear congruential generator (Knuth's MMIX constants), so that the cases are the same everywhere.
#[derive(Debug)]
pub(crate) struct Lcg(pub(crate) u64);

impl Lcg {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() as usize) % limit
    }
}

/// Says which case was under way when a test panics.
#[derive(Debug)]
pub(crate) struct Under<'a>(pub(crate) &'a str, pub(crate) usize);

impl Drop for Under<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("under way: {} {}", self.0, self.1);
        }
    }
}

/// A call by a session of a role, as CloudTrail writes it.
pub(crate) fn role_event(account: &str, role: &str, principal: &str, time: &str) -> String {
    format!(
        concat!(
            r#"{{"eventVersion":"1.11","userIdentity":{{"type":"AssumedRole","principalId":"{principal}:session-1","#,
            r#""arn":"arn:aws:sts::{account}:assumed-role/{name}/session-1","accountId":"{account}","#,
            r#""sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"{principal}","#,
            r#""arn":"arn:aws:iam::{account}:role/{role}","accountId":"{account}","userName":"{name}"}}}}}},"#,
            r#""eventTime":"{time}","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"eu-west-1","#,
            r#""sourceIPAddress":"198.51.100.7","userAgent":"aws-cli/2.15","recipientAccountId":"{account}"}}"#
        ),
        account = account,
        role = role,
        name = role.rsplit('/').next().unwrap_or(role),
        principal = principal,
        time = time,
    )
}

/// A call by an IAM user with a key, as CloudTrail writes it.
pub(crate) fn user_event(
    account: &str,
    user: &str,
    principal: &str,
    access_key: &str,
    time: &str,
) -> String {
    format!(
        concat!(
            r#"{{"eventVersion":"1.11","userIdentity":{{"type":"IAMUser","principalId":"{principal}","#,
            r#""arn":"arn:aws:iam::{account}:user/{user}","accountId":"{account}","accessKeyId":"{key}","userName":"{user}"}},"#,
            r#""eventTime":"{time}","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"eu-west-1","#,
            r#""sourceIPAddress":"198.51.100.7","userAgent":"aws-cli/2.15","recipientAccountId":"{account}"}}"#
        ),
        account = account,
        user = user,
        principal = principal,
        key = access_key,
        time = time,
    )
}

/// A request of a user, as Kubernetes writes it.
pub(crate) fn k8s_event(user: &str, uid: &str, namespace: &str, time: &str) -> String {
    format!(
        concat!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"7f9b1c1e-0000-4000-8000-000000000001","#,
            r#""stage":"ResponseComplete","requestURI":"/api/v1/namespaces/{namespace}/secrets","verb":"get","#,
            r#""user":{{"username":"{user}","uid":"{uid}","groups":["system:authenticated"]}},"sourceIPs":["10.0.0.7"],"#,
            r#""userAgent":"kubectl/v1.31.0","objectRef":{{"resource":"secrets","namespace":"{namespace}","apiVersion":"v1"}},"#,
            r#""requestReceivedTimestamp":"{time}","stageTimestamp":"{time}"}}"#
        ),
        user = user,
        uid = uid,
        namespace = namespace,
        time = time,
    )
}

/// Our member of an enriched line.
pub(crate) fn context(line: &[u8]) -> serde_json::Value {
    let event: serde_json::Value = serde_json::from_slice(line).expect("an enriched line is JSON");
    event.get("whose").cloned().expect("the line is enriched")
}

/// Enriches one event; its context.
pub(crate) fn context_of(enricher: &mut Enricher<'_>, event: &str) -> serde_json::Value {
    context(enricher.enrich(event.as_bytes()))
}

/// Outcome of the first identity of an event.
pub(crate) fn outcome_of(enricher: &mut Enricher<'_>, event: &str) -> String {
    let context = context_of(enricher, event);
    context["identities"][0]["outcome"]
        .as_str()
        .expect("an identity")
        .to_owned()
}
