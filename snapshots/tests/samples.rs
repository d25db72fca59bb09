//! What the sample organisation's catalogue says reaches the record, although the catalogue is read
//! before the exports that hold the credentials.

use std::path::Path;

use snapshots::config::InventoryConfig;
use snapshots::export::{Explicit, Quiet, export};

#[test]
fn the_catalogue_says_where_the_secret_lives_and_what_stops() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/inventory.toml");
    let config = InventoryConfig::read(&file).expect("the sample configuration is good");
    let explicit = Explicit::new(1_773_985_500_000, 41, 0);
    let exported = export(&config, &explicit, &mut Quiet).expect("the samples load");
    let user = exported
        .inventory
        .identities
        .iter()
        .find(|identity| identity.uid == "aws:444455556666:user/ci/storefront-release")
        .expect("the CI user is in the samples");
    let workload = "github-actions:larkmoor/storefront-legacy";
    assert_eq!(user.workloads, [workload]);
    assert_eq!(user.credentials.len(), 1);
    assert_eq!(
        user.credentials[0].secret_source.as_deref(),
        Some("github-actions:larkmoor/storefront-legacy#AWS_ACCESS_KEY_ID")
    );
    assert!(!user.response.revocation.is_empty());
    for option in &user.response.revocation {
        assert_eq!(option.breaks, [workload], "{}", option.action);
    }
}
