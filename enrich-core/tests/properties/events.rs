//! Generated events: members in any order, missing, doubled, and with the wrong values.

use super::json::*;
use super::*;

/// Values that make keys, values that nearly do, and anything.
pub(super) fn key_value() -> impl Strategy<Value = Json> {
    let texts = [
        "AROAPOOLPOOLPOOL0001",
        "AROAPOOLPOOLPOOL0001:session",
        "AIDAPOOLPOOLPOOL0002",
        "AKIAPOOLPOOLPOOL0001",
        "ASIAPOOLPOOLPOOL0001",
        "arn:aws:iam::111122223333:role/r1",
        "arn:aws:iam::111122223333:user/u/é",
        "arn:aws:sts::111122223333:assumed-role/r1/s",
        "111122223333",
        "Backup.amazonaws.com",
        "AWS Internal",
        "",
        "...",
        "a.ortiz@Example.com",
        "https://token.example/",
        "https://token.example//",
        "arn:aws:iam::111122223333:oidc-provider/token.example",
        "repo:o/r:ref:refs/heads/main",
        "system:serviceaccount:ns:sa1",
        "kubernetes-admin",
    ];
    prop_oneof![5 => proptest::sample::select(texts.to_vec()).prop_map(|text| Json::Text(text.to_owned())), 1 => any_json()]
}

pub(super) fn event_type() -> impl Strategy<Value = Json> {
    let types = [
        "AssumedRole",
        "IAMUser",
        "Root",
        "AWSService",
        "AWSAccount",
        "WebIdentityUser",
        "SAMLUser",
        "FederatedUser",
        "Unknown",
    ];
    prop_oneof![9 => proptest::sample::select(types.to_vec()).prop_map(|text| Json::Text(text.to_owned())), 1 => any_json()]
}

/// Members in any order, some missing, some twice.
pub(super) fn object(members: Vec<(&'static str, BoxedStrategy<Json>)>) -> BoxedStrategy<Json> {
    let each: Vec<_> = members
        .into_iter()
        .map(|(name, value)| {
            let count = prop_oneof![1 => Just(0_usize), 8 => Just(1), 1 => Just(2)];
            count.prop_flat_map(move |count| {
                vec(
                    value
                        .clone()
                        .prop_map(move |value| (name.to_owned(), value)),
                    count,
                )
            })
        })
        .collect();
    (each, vec((member_name(), any_json()), 0..3))
        .prop_map(|(known, other)| known.into_iter().flatten().chain(other).collect::<Vec<_>>())
        .prop_shuffle()
        .prop_map(Json::Object)
        .boxed()
}

pub(super) fn cloudtrail() -> BoxedStrategy<Json> {
    let key = || key_value().boxed();
    let issuer = object(vec![
        ("principalId", key()),
        ("arn", key()),
        ("type", key()),
    ]);
    let session = object(vec![
        (
            "sessionIssuer",
            prop_oneof![6 => issuer, 1 => any_json().boxed()].boxed(),
        ),
        ("webIdFederationData", any_json().boxed()),
    ]);
    let identity = object(vec![
        ("type", event_type().boxed()),
        ("principalId", key()),
        ("arn", key()),
        ("accountId", key()),
        ("accessKeyId", key()),
        ("userName", key()),
        ("invokedBy", key()),
        ("identityProvider", key()),
        (
            "sessionContext",
            prop_oneof![6 => session, 1 => any_json().boxed()].boxed(),
        ),
    ]);
    let time = prop_oneof![
        Just("2026-03-20T05:00:00Z"),
        Just("2026-03-20T05:00:00.5+02:00"),
        Just("now")
    ]
    .prop_map(|text| Json::Text(text.to_owned()));
    let source = prop_oneof![
        Just("sts.amazonaws.com"),
        Just("iam.amazonaws.com"),
        Just("s3.amazonaws.com")
    ]
    .prop_map(|text| Json::Text(text.to_owned()));
    let name = prop_oneof![
        Just("AssumeRole"),
        Just("GetObject"),
        Just("CreateUser"),
        Just("ConsoleLogin")
    ]
    .prop_map(|text| Json::Text(text.to_owned()));
    object(vec![
        ("eventVersion", Just(Json::Text("1.11".to_owned())).boxed()),
        (
            "userIdentity",
            prop_oneof![9 => identity, 1 => any_json().boxed()].boxed(),
        ),
        ("eventTime", time.boxed()),
        ("eventSource", source.boxed()),
        ("eventName", name.boxed()),
        (
            "requestParameters",
            object(vec![("roleArn", key()), ("userName", key())]),
        ),
        (
            "responseElements",
            object(vec![
                (
                    "assumedRoleUser",
                    object(vec![("assumedRoleId", key()), ("arn", key())]),
                ),
                ("user", object(vec![("arn", key()), ("userId", key())])),
            ]),
        ),
        ("recipientAccountId", key()),
        ("sourceIPAddress", key()),
        (
            "resources",
            vec(object(vec![("ARN", key())]), 0..3)
                .prop_map(Json::Array)
                .boxed(),
        ),
    ])
}

pub(super) fn k8s_audit() -> BoxedStrategy<Json> {
    let key = || key_value().boxed();
    let list = || vec(key_value(), 0..3).prop_map(Json::Array).boxed();
    let word = |text: &'static str| Just(Json::Text(text.to_owned())).boxed();
    let extra = object(vec![
        ("canonicalArn", list()),
        ("arn", list()),
        ("accessKeyId", list()),
        ("authentication.kubernetes.io/pod-name", list()),
    ]);
    object(vec![
        ("kind", word("Event")),
        ("apiVersion", word("audit.k8s.io/v1")),
        ("verb", word("get")),
        ("auditID", word("x")),
        ("stage", word("ResponseComplete")),
        ("requestURI", key()),
        (
            "user",
            object(vec![("username", key()), ("uid", key()), ("extra", extra)]),
        ),
        (
            "impersonatedUser",
            object(vec![("username", key()), ("uid", key())]),
        ),
        (
            "objectRef",
            object(vec![
                ("resource", word("serviceaccounts")),
                ("namespace", key()),
                ("name", key()),
            ]),
        ),
        ("sourceIPs", list()),
        ("requestReceivedTimestamp", word("2026-03-20T05:00:00Z")),
    ])
}

pub(super) fn event() -> BoxedStrategy<Json> {
    prop_oneof![3 => cloudtrail(), 2 => k8s_audit(), 1 => any_json().boxed()].boxed()
}
