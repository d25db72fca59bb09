//! Signatures: none, a stranger's, another file's.

use super::*;

#[test]
fn signatures() {
    let signed = build_signed(&full(), &SIGNING_SEED);
    assert_eq!(refusal(&signed, Check::All, &trust()), None);
    assert_eq!(
        Snapshot::open(&signed, Check::All, &trust())
            .unwrap()
            .integrity(),
        Integrity::Verified
    );
    assert_eq!(
        Snapshot::open(&signed, Check::OnFirstTouch, &trust())
            .unwrap()
            .integrity(),
        Integrity::Verified
    );
    assert_eq!(
        open(&signed).unwrap().integrity(),
        Integrity::Unverified,
        "no key is trusted, so none can verify"
    );
    assert_eq!(
        Snapshot::open(&signed, Check::ByHost, &trust())
            .unwrap()
            .integrity(),
        Integrity::ByHost
    );

    let unsigned = build(&full());
    assert_eq!(unsigned[SIGNER_AT..HEADER_LEN], [0; 96]);
    assert_eq!(refusal(&unsigned, Check::All, &trust()), Some(Unsigned));
    let mut lenient = trust();
    lenient.require_signature = false;
    assert_eq!(
        Snapshot::open(&unsigned, Check::All, &lenient)
            .unwrap()
            .integrity(),
        Integrity::Unverified
    );

    let by_stranger = build_signed(&full(), &STRANGER);
    let signer = public_key(&STRANGER)[..8].try_into().unwrap();
    assert_eq!(
        refusal(&by_stranger, Check::All, &trust()),
        Some(UntrustedSigner { signer })
    );
    assert_eq!(
        refusal(&by_stranger, Check::All, &lenient),
        Some(UntrustedSigner { signer }),
        "a wrong signature is worse than none"
    );
    let both = Trust::new(vec![public_key(&SIGNING_SEED), public_key(&STRANGER)]);
    assert_eq!(
        Snapshot::open(&by_stranger, Check::All, &both)
            .unwrap()
            .integrity(),
        Integrity::Verified
    );

    // The signature of another file, byte for byte.
    let mut other = full();
    other.meta.sequence += 1;
    let mut bytes = build(&other);
    bytes[SIGNER_AT..HEADER_LEN].copy_from_slice(&signed[SIGNER_AT..HEADER_LEN]);
    assert_eq!(refusal(&bytes, Check::All, &trust()), Some(BadSignature));

    // Every bit of signer and signature.
    for at in SIGNER_AT..HEADER_LEN {
        for bit in 0..8 {
            let mut bytes = signed.clone();
            bytes[at] ^= 1 << bit;
            let signer = bytes[SIGNER_AT..SIGNER_AT + 8].try_into().unwrap();
            let expected = if at < SIGNATURE_AT {
                UntrustedSigner { signer }
            } else {
                BadSignature
            };
            assert_eq!(
                refusal(&bytes, Check::All, &trust()),
                Some(expected),
                "byte {at}, bit {bit}"
            );
        }
    }
    // A signer that says it is trusted, over bytes that it did not sign.
    let mut bytes = by_stranger.clone();
    bytes[SIGNER_AT..SIGNATURE_AT].copy_from_slice(&public_key(&SIGNING_SEED));
    assert_eq!(refusal(&bytes, Check::All, &trust()), Some(BadSignature));
    // No signature but a signer is unsigned.
    let mut bytes = signed.clone();
    bytes[SIGNATURE_AT..HEADER_LEN].fill(0);
    assert_eq!(refusal(&bytes, Check::All, &trust()), Some(Unsigned));
    // A trusted key that is none: the configuration is at fault. 2 is no y of a curve point.
    let mut no_key = [0; 32];
    no_key[0] = 2;
    let mut bytes = signed.clone();
    bytes[SIGNER_AT..SIGNATURE_AT].copy_from_slice(&no_key);
    assert_eq!(
        refusal(&bytes, Check::All, &Trust::new(vec![no_key])),
        Some(BadTrustedKey)
    );
    // The identity point makes a signature that fits anything, for a checker that is not strict.
    let mut small = [0; 32];
    small[0] = 1;
    let mut bytes = signed.clone();
    bytes[SIGNER_AT..SIGNATURE_AT].copy_from_slice(&small);
    bytes[SIGNATURE_AT..HEADER_LEN].fill(0);
    bytes[SIGNATURE_AT] = 1;
    assert_eq!(
        refusal(&bytes, Check::All, &Trust::new(vec![small])),
        Some(BadSignature)
    );
}

/// Where a signature is required and no key is trusted, no signature is good enough.
#[test]
fn a_required_signature_without_a_trusted_key_is_refused() {
    let mut nobody = Trust::default();
    nobody.require_signature = true;
    assert_eq!(
        refusal(&build(&full()), Check::All, &nobody),
        Some(Unsigned)
    );
    let signer = public_key(&STRANGER)[..8].try_into().unwrap();
    assert_eq!(
        refusal(&build_signed(&full(), &STRANGER), Check::All, &nobody),
        Some(UntrustedSigner { signer })
    );
}
