//! CloudTrail events of the identities of an inventory: eight calls in the shapes that AWS logs them.
//!
//! A tenth is of identities that no inventory lists. Most come from the networks that the policy of the
//! inventory expects, a fifth does not, so that both verdicts are written.

use std::fmt::Write;

use crate::dataset::{Identity, Truth};
use crate::random::{Lcg, Spread};

/// A call: service, name, whether it only reads, category, parameters, response and what comes besides.
struct Call {
    source: &'static str,
    name: &'static str,
    read_only: bool,
    category: &'static str,
    agent: &'static str,
    parameters: &'static str,
    response: &'static str,
    besides: &'static str,
}

/// `{h..}` is hexadecimal digits, `{n}` a number, `{a}` the account.
const CALLS: [Call; 8] = [
    Call {
        source: "s3.amazonaws.com",
        name: "GetObject",
        read_only: true,
        category: "Data",
        agent: "[aws-sdk-go/1.44.122 (go1.19.3; linux; amd64)]",
        parameters: r#"{"bucketName":"data-{h8}","Host":"data-{h8}.s3.eu-west-1.amazonaws.com","key":"2026/03/19/part-{n}.parquet"}"#,
        response: "null",
        besides: r#""additionalEventData":{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"{h76}","bytesTransferredOut":{n}},"resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::data-{h8}/2026/03/19/part-{n}.parquet"},{"accountId":"{a}","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::data-{h8}"}]"#,
    },
    Call {
        source: "s3.amazonaws.com",
        name: "PutObject",
        read_only: false,
        category: "Data",
        agent: "[Boto3/1.34.51 md/Botocore#1.34.51 ua/2.0 os/linux#5.10.209 md/arch#x86_64 lang/python#3.11.8]",
        parameters: r#"{"bucketName":"out-{h8}","Host":"out-{h8}.s3.eu-central-1.amazonaws.com","key":"batch/{h32}.json","x-amz-server-side-encryption":"aws:kms"}"#,
        response: r#"{"x-amz-server-side-encryption":"aws:kms","x-amz-server-side-encryption-aws-kms-key-id":"arn:aws:kms:eu-central-1:{a}:key/{h8}-{h4}-{h4}-{h4}-{h12}"}"#,
        besides: r#""additionalEventData":{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":{n},"AuthenticationMethod":"AuthHeader","x-amz-id-2":"{h76}","bytesTransferredOut":0},"resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::out-{h8}/batch/{h32}.json"}]"#,
    },
    Call {
        source: "kms.amazonaws.com",
        name: "Decrypt",
        read_only: true,
        category: "Management",
        agent: "aws-sdk-java/2.20.162 Linux/5.15.0-1055-aws OpenJDK_64-Bit_Server_VM/17.0.10+7-LTS Java/17.0.10",
        parameters: r#"{"encryptionContext":{"aws:s3:arn":"arn:aws:s3:::data-{h8}/{h16}","tenant":"{h8}"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}"#,
        response: "null",
        besides: r#""resources":[{"accountId":"{a}","type":"AWS::KMS::Key","ARN":"arn:aws:kms:eu-west-1:{a}:key/{h8}-{h4}-{h4}-{h4}-{h12}"}]"#,
    },
    Call {
        source: "sts.amazonaws.com",
        name: "AssumeRole",
        read_only: true,
        category: "Management",
        agent: "aws-sdk-go-v2/1.24.1 os/linux lang/go#1.21.6 md/GOOS#linux md/GOARCH#amd64 api/sts#1.26.7",
        parameters: r#"{"roleArn":"arn:aws:iam::{a}:role/reader-{h8}","roleSessionName":"{h16}","durationSeconds":3600}"#,
        response: r#"{"credentials":{"accessKeyId":"ASIA{h16}","sessionToken":"{h64}","expiration":"Mar 19, 2026, 3:11:08 PM"},"assumedRoleUser":{"assumedRoleId":"AROA{h16}:{h16}","arn":"arn:aws:sts::{a}:assumed-role/reader-{h8}/{h16}"}}"#,
        besides: r#""resources":[{"accountId":"{a}","type":"AWS::IAM::Role","ARN":"arn:aws:iam::{a}:role/reader-{h8}"}]"#,
    },
    Call {
        source: "dynamodb.amazonaws.com",
        name: "UpdateItem",
        read_only: false,
        category: "Data",
        agent: "aws-sdk-nodejs/2.1531.0 linux/v18.19.0 exec-env/AWS_Lambda_nodejs18.x promise",
        parameters: r#"{"tableName":"orders-{h8}","key":{"pk":"{h16}","sk":"{h8}"},"updateExpression":"SET #s = :s, #u = :u","returnValues":"ALL_NEW","returnConsumedCapacity":"TOTAL","returnItemCollectionMetrics":"NONE"}"#,
        response: "null",
        besides: r#""resources":[{"accountId":"{a}","type":"AWS::DynamoDB::Table","ARN":"arn:aws:dynamodb:eu-west-1:{a}:table/orders-{h8}"}],"apiVersion":"2012-08-10""#,
    },
    Call {
        source: "ec2.amazonaws.com",
        name: "DescribeInstances",
        read_only: true,
        category: "Management",
        agent: "APN/1.0 HashiCorp/1.0 Terraform/1.6.6 (+https://www.terraform.io) aws-sdk-go-v2/1.24.1",
        parameters: r#"{"maxResults":1000,"instancesSet":{"items":[{"instanceId":"i-{h16}"}]},"filterSet":{"items":[{"name":"instance-state-name","valueSet":{"items":[{"value":"running"},{"value":"pending"}]}},{"name":"tag:Name","valueSet":{"items":[{"value":"worker-{h8}"}]}}]}}"#,
        response: "null",
        besides: r#""sessionCredentialFromConsole":"false""#,
    },
    Call {
        source: "secretsmanager.amazonaws.com",
        name: "GetSecretValue",
        read_only: true,
        category: "Management",
        agent: "Boto3/1.28.62 md/Botocore#1.31.62 ua/2.0 os/linux#6.1.61 md/arch#aarch64 lang/python#3.9.18 md/pyimpl#CPython",
        parameters: r#"{"secretId":"arn:aws:secretsmanager:eu-west-1:{a}:secret:db/{h16}","versionStage":"AWSCURRENT"}"#,
        response: "null",
        besides: r#""resources":[{"accountId":"{a}","type":"AWS::SecretsManager::Secret","ARN":"arn:aws:secretsmanager:eu-west-1:{a}:secret:db/{h16}"}]"#,
    },
    Call {
        source: "logs.amazonaws.com",
        name: "CreateLogStream",
        read_only: false,
        category: "Management",
        agent: "awslambda-worker/1.0 rusoto/0.48.0 rust/1.74.0 linux",
        parameters: r#"{"logGroupName":"/aws/lambda/worker-{h8}","logStreamName":"2026/03/19/[$LATEST]{h32}"}"#,
        response: "null",
        besides: r#""apiVersion":"20140328","errorCode":"ResourceAlreadyExistsException","errorMessage":"The specified log stream already exists""#,
    },
];

/// `count` lines, no two alike.
#[must_use]
pub fn cloudtrail(truth: &Truth, spread: Spread, count: usize) -> Vec<u8> {
    let mut random = Lcg::new(5);
    let drawn = spread.draw(count, truth.len(), &mut random);
    let mut out = String::with_capacity(count * 1600);
    for number in drawn {
        let identity = truth.get(number);
        if random.below(10) > 0 {
            event(&mut out, identity, &mut random);
            continue;
        }
        let (id, name) = (random.id(17), format!("unlisted-{}", random.hex(12)));
        let (prefix, path) = if is_user(identity) {
            ("AIDA", "user")
        } else {
            ("AROA", "role")
        };
        let unknown = Identity {
            id: &format!("{prefix}{id}"),
            arn: &format!("arn:aws:iam::{}:{path}/{name}", identity.account),
            name: &name,
            ..identity
        };
        event(&mut out, unknown, &mut random);
    }
    out.into_bytes()
}

fn is_user(identity: Identity<'_>) -> bool {
    identity.sub_type == "aws_iam_user"
}

fn event(out: &mut String, identity: Identity<'_>, random: &mut Lcg) {
    let call = &CALLS[random.below(CALLS.len())];
    out.push_str(r#"{"eventVersion":"1.11","userIdentity":"#);
    who(out, identity, random);
    let network = if random.below(5) > 0 {
        "198.51.100"
    } else {
        "203.0.113"
    };
    let region = ["eu-west-1", "eu-central-1", "us-east-1"][random.below(3)];
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        r#","eventTime":"2026-03-{:02}T{:02}:{:02}:{:02}Z","eventSource":"{}","eventName":"{}","awsRegion":"{region}","sourceIPAddress":"{network}.{}","userAgent":"{}","requestParameters":"#,
        16 + random.below(4),
        random.below(24),
        random.below(60),
        random.below(60),
        call.source,
        call.name,
        random.below(254),
        call.agent,
    );
    fill(out, call.parameters, identity, random);
    out.push_str(r#","responseElements":"#);
    fill(out, call.response, identity, random);
    out.push(',');
    fill(out, call.besides, identity, random);
    let _ = write!(
        out,
        r#","requestID":"{}","eventID":"{}","readOnly":{},"eventType":"AwsApiCall","managementEvent":{},"recipientAccountId":"{}","eventCategory":"{}","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"{}"}}}}"#,
        random.id(16),
        uuid(random),
        call.read_only,
        call.category == "Management",
        identity.account,
        call.category,
        call.source
            .replacen(".amazonaws", &format!(".{region}.amazonaws"), 1),
    );
    out.push('\n');
}

fn who(out: &mut String, identity: Identity<'_>, random: &mut Lcg) {
    let Identity {
        id,
        arn,
        account,
        name,
        ..
    } = identity;
    if is_user(identity) {
        let _ = write!(
            out,
            r#"{{"type":"IAMUser","principalId":"{id}","arn":"{arn}","accountId":"{account}","accessKeyId":"AKIA{}","userName":"{name}"}}"#,
            random.id(16)
        );
        return;
    }
    let session = format!("i-{}", random.hex(17));
    let _ = write!(
        out,
        r#"{{"type":"AssumedRole","principalId":"{id}:{session}","arn":"arn:aws:sts::{account}:assumed-role/{name}/{session}","accountId":"{account}","accessKeyId":"ASIA{}","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"{id}","arn":"{arn}","accountId":"{account}","userName":"{name}"}},"attributes":{{"creationDate":"2026-03-19T05:58:11Z","mfaAuthenticated":"false"}},"ec2RoleDelivery":"2.0"}}}}"#,
        random.id(16)
    );
}

/// Writes a template with what stands for its placeholders.
fn fill(out: &mut String, template: &str, identity: Identity<'_>, random: &mut Lcg) {
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let (text, from) = rest.split_at(at);
        out.push_str(text);
        let named = from[1..].split_once('}').and_then(|(name, after)| {
            let len = name.strip_prefix('h').map(str::parse::<usize>);
            match (name, len) {
                ("n", _) => out.push_str(&random.below(1_000_000).to_string()),
                ("a", _) => out.push_str(identity.account),
                (_, Some(Ok(len))) => out.push_str(&random.hex(len)),
                _ => return None,
            }
            Some(after)
        });
        rest = named.unwrap_or_else(|| {
            out.push('{');
            &from[1..]
        });
    }
    out.push_str(rest);
}

fn uuid(random: &mut Lcg) -> String {
    let hex = random.hex(32);
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
