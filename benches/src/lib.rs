//! What the benchmarks share: a seeded inventory of any size, aligned bytes, the sample events.

#![forbid(unsafe_code)]

pub mod formats;
pub mod module;

use std::path::PathBuf;

use enrich_core::KeyType;
use enrich_core::vocabulary::{Environment, Kind, OwnerStatus, PrivilegeLevel, Provider};
use snapshots::model::{Alias, EntityRef, Identity, Inventory, Owner, Privilege, Scope};

/// A linear congruential generator: the same keys on every machine, without a dependency.
#[derive(Clone, Copy, Debug)]
pub struct Lcg(u64);

impl Lcg {
    /// A generator of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 16
    }

    /// `len` letters and digits as AWS ids have them.
    pub fn id(&mut self, len: usize) -> String {
        const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        (0..len)
            .map(|_| char::from(LETTERS[(self.next() % 32) as usize]))
            .collect()
    }
}

/// ARN of the role with this number.
#[must_use]
pub fn arn(number: u64) -> String {
    format!(
        "arn:aws:iam::{:012}:role/team-{}/service-{number:08}",
        100_000_000_000 + number / 4000,
        number % 97
    )
}

/// An inventory of `count` roles, each with an ARN and a random principal id.
#[must_use]
pub fn inventory(count: u64) -> Inventory {
    let mut random = Lcg::new(11);
    let mut inventory = Inventory::default();
    inventory.meta.organization = "bench".to_owned();
    inventory.meta.created_ms = 1_773_986_400_000;
    inventory.meta.sequence = 1;
    for number in 0..count {
        let domain = format!("{:012}", 100_000_000_000 + number / 4000);
        let name = format!("service-{number:08}");
        let uid = format!("aws:{domain}:role/team-{}/{name}", number % 97);
        let mut identity = Identity::new(&uid, &name, Kind::IamRole, Provider::Aws, &domain);
        "aws_iam_role".clone_into(&mut identity.sub_type);
        let alias = |key_type, value| Alias {
            key_type,
            domain: String::new(),
            value,
            valid_from_ms: None,
            valid_to_ms: None,
        };
        identity.aliases = vec![
            alias(KeyType::AwsArn, arn(number)),
            alias(KeyType::AwsPrincipalId, format!("AROA{}", random.id(17))),
        ];
        identity.owner = Some(Owner {
            entity: EntityRef {
                reference: format!("group:default/team-{}", number / 200),
                name: None,
                contact: None,
            },
            source: "catalogue".to_owned(),
            as_of_ms: None,
            status: OwnerStatus::Active,
        });
        identity.environment = vec![if number % 3 == 0 {
            Environment::Staging
        } else {
            Environment::Production
        }];
        identity.privilege = Some(Privilege {
            tier: (number % 4) as u8,
            level: PrivilegeLevel::Write,
            basis: vec![format!("policy-{}", number % 50)],
        });
        inventory.identities.push(identity);
        if number % 4000 == 0 {
            inventory.scopes.push(Scope {
                provider: Provider::Aws,
                domain,
                part: String::new(),
                name: None,
                owner: None,
                escalation_policy: None,
                covered: true,
                environment: Vec::new(),
            });
        }
    }
    inventory
}

/// Bytes that start at a multiple of 64.
#[derive(Clone, Debug)]
pub struct Aligned {
    bytes: Vec<u8>,
    from: usize,
    len: usize,
}

impl Aligned {
    /// A copy of the bytes, aligned.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let mut buffer = vec![0; bytes.len() + 64];
        let from = buffer.as_ptr().align_offset(64);
        buffer[from..from + bytes.len()].copy_from_slice(bytes);
        Self {
            bytes: buffer,
            from,
            len: bytes.len(),
        }
    }

    /// The bytes.
    #[must_use]
    pub fn get(&self) -> &[u8] {
        &self.bytes[self.from..self.from + self.len]
    }
}

/// A snapshot of `count` roles.
///
/// # Panics
/// When the inventory cannot be built, which is a fault of this file.
#[must_use]
pub fn snapshot(count: u64) -> Aligned {
    Aligned::new(
        &snapshots::format::build(&inventory(count)).expect("the bench inventory fits the format"),
    )
}

/// Sizes to measure. A smoke run (`-- --test`) takes the smallest only.
#[must_use]
pub fn sizes(all: &[u64]) -> Vec<u64> {
    let is_smoke = std::env::args().any(|argument| argument == "--test");
    if is_smoke {
        all.iter().copied().take(1).collect()
    } else {
        all.to_vec()
    }
}

/// A file of the repository.
#[must_use]
pub fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(path)
}

/// CloudTrail events of the roles of [`inventory`], `every_tenth` of them of an unknown role.
#[must_use]
pub fn events(count: u64, identities: u64) -> Vec<u8> {
    let mut random = Lcg::new(5);
    let mut ids = Lcg::new(11);
    let principals: Vec<String> = (0..identities).map(|_| ids.id(17)).collect();
    let mut out = Vec::new();
    for number in 0..count {
        let known = number % 10 != 9;
        let role = if known {
            random.next() % identities
        } else {
            identities + number
        };
        let principal = if known {
            principals[role as usize].clone()
        } else {
            random.id(17)
        };
        let (account, name) = (100_000_000_000 + role / 4000, format!("service-{role:08}"));
        let arn = arn(role);
        let session = random.id(12);
        let event = format!(
            concat!(
                r#"{{"eventVersion":"1.11","userIdentity":{{"type":"AssumedRole","principalId":"AROA{principal}:{session}","#,
                r#""arn":"arn:aws:sts::{account:012}:assumed-role/{name}/{session}","accountId":"{account:012}","accessKeyId":"ASIA{key}","#,
                r#""sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROA{principal}","arn":"{arn}","accountId":"{account:012}","#,
                r#""userName":"{name}"}},"webIdFederationData":{{}},"attributes":{{"creationDate":"2026-03-20T05:58:11Z","mfaAuthenticated":"false"}}}}}},"#,
                r#""eventTime":"2026-03-20T06:{minute:02}:{second:02}Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"eu-west-1","#,
                r#""sourceIPAddress":"198.51.100.{host}","userAgent":"[aws-sdk-go/1.44.122 (go1.19.3; linux; amd64)]","requestParameters":"#,
                r#"{{"bucketName":"data-{name}","Host":"data-{name}.s3.eu-west-1.amazonaws.com","key":"2026/03/20/part-{number:06}.parquet"}},"#,
                r#""responseElements":null,"additionalEventData":{{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"#,
                r#""AuthenticationMethod":"AuthHeader","x-amz-id-2":"{xid}","bytesTransferredOut":{bytes}}},"requestID":"{request}","#,
                r#""eventID":"{event}","readOnly":true,"resources":[{{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::data-{name}/2026/03/20/part-{number:06}.parquet"}},"#,
                r#"{{"accountId":"{account:012}","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::data-{name}"}}],"eventType":"AwsApiCall","managementEvent":false,"#,
                r#""recipientAccountId":"{account:012}","eventCategory":"Data","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","#,
                r#""clientProvidedHostHeader":"data-{name}.s3.eu-west-1.amazonaws.com"}}}}"#,
            ),
            principal = principal,
            session = session,
            account = account,
            name = name,
            key = random.id(16),
            arn = arn,
            minute = number / 60 % 60,
            second = number % 60,
            host = number % 250,
            number = number,
            xid = random.id(76),
            bytes = random.next() % 1_000_000,
            request = random.id(16),
            event = random.id(36),
        );
        out.extend_from_slice(event.as_bytes());
        out.push(b'\n');
    }
    out
}
