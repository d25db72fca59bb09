//! Texts that are secrets, and texts that only look like them.

use super::*;

#[test]
fn secrets_are_recognised_alone_and_inside_a_text() {
    for secret in samples() {
        let start: String = secret.chars().take(12).collect();
        assert!(shape(&secret).is_some(), "{start}… alone");
        assert!(
            shape(&format!("old value: {secret}")).is_some(),
            "{start}… in a text"
        );
        assert!(
            shape(&format!("é \"{secret}\" é")).is_some(),
            "{start}… in quotes"
        );
    }
}

#[test]
fn ordinary_values_are_not_secrets() {
    for text in [
        "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_AdministratorAccess_1345",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "AROA4EXAMPLE4EXAMPLE4",
        "service-role/AmazonSageMakerExecutionRole1",
        "k8s:prod/payments/api",
        "https://runbooks.example/deny-role?from=alert&id=12345678",
        "git@github.com:northwind/shop.git",
        "ghp_ is the prefix of classic tokens",
        "repo:northwind/shop:ref:refs/heads/main",
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:erp/ledger-A1b2C3",
        "github-actions:acme/payments#AWS_SECRET_ACCESS_KEY",
        "Password=${DB_PASSWORD};Server=db.example",
        "pwd=********",
        "password = see the vault",
        "rotates the token: see runbook",
        "the token: described in the runbook",
        "it needs no password: authentication is by certificate",
        "bearer authentication is required",
        "db_password=${DB_PASSWORD}",
        "password: <redacted-by-ops>",
        "api-key: vault:kv/payments/api-key-2",
        "token=arn:aws:secretsmanager:eu-west-1:111122223333:secret:erp/ledger-A1b2C3",
        "secret=projects/1234567/secrets/erp/versions/2",
        "k8s-secret:prod/payments/api-token-1",
        "repo:northwind/api-token:environment:prod-eu-1",
        "https://runbooks.example/lookup?code=ERR-1234-of-the-payment-service-in-the-old-data-centre",
        "https://shop.example/orders?code=SPRING2026",
        "shelf_inventory_service_account_of_production_eu1",
        "risk-proj-assessment-service-account-1234",
        "sk-skaffold-service-account-of-the-platform-1",
        "the service's password is rotated weekly",
        "eyeglasses.eyeliner.catalogue-service",
        "CN=Larkmoor Issuing CA 2,O=Larkmoor Outdoor,C=DE",
        "spiffe://prod.example/ns/payments/sa/api",
        "skaffold-dapi-service-account-of-the-platform",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    ] {
        assert_eq!(shape(text), None, "{text}");
    }
}
