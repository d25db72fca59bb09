//! Writes exports in vendor format for an inventory of any size, with the `inventory.toml` and
//! `policy.toml` that read them, to measure `whose-snapshot build`:
//!
//! ```text
//! cargo run --release -p snapshots --example vendor_exports -- 1000000 DIR
//! whose-snapshot build --config DIR/inventory.toml --out DIR/inventory.snap
//! ```
//!
//! Of ten identities four are AWS roles, two are AWS users with two access keys each, and four are
//! Kubernetes service accounts, one of them without a uid: 1.9 keys an identity, 73 bytes a key in
//! the mean (the name of the cluster counted), random ids. A fifth of the identities has two
//! credentials. A team owns 200 identities. The same number gives the same bytes.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Identities of one account.
const ACCOUNT: u64 = 6_000;
/// Service accounts of one cluster.
const CLUSTER: u64 = 20_000;
/// Identities of one team.
const TEAM: u64 = 200;

const ENVIRONMENTS: [&str; 4] = ["production", "staging", "test", "development"];
const SERVICES: [&str; 5] = ["lambda", "ec2", "ecs-tasks", "states", "backup"];
const REGIONS: [&str; 4] = ["eu-west-1", "eu-central-1", "us-east-1", "ap-southeast-2"];

/// A linear congruential generator: the same exports on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // The low bits of such a generator repeat early.
        self.0 >> 33
    }

    /// An id as AWS makes them.
    fn id(&mut self, prefix: &str) -> String {
        const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let mut out = prefix.to_owned();
        out.extend((0..17).map(|_| char::from(LETTERS[(self.next() % 32) as usize])));
        out
    }

    fn hex(&mut self, len: usize) -> String {
        (0..len)
            .map(|_| char::from(b"0123456789abcdef"[(self.next() % 16) as usize]))
            .collect()
    }

    fn uuid(&mut self) -> String {
        let hex = self.hex(32);
        format!(
            "{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        )
    }

    /// A day in 2023 to 2025.
    fn day(&mut self) -> String {
        format!(
            "{}-{:02}-{:02}T{:02}:{:02}:{:02}",
            2023 + self.next() % 3,
            1 + self.next() % 12,
            1 + self.next() % 28,
            self.next() % 24,
            self.next() % 60,
            self.next() % 60
        )
    }
}

/// Numbers of the identities, counted over the whole inventory.
struct Counter {
    next: u64,
}

impl Counter {
    fn take(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(count), Some(folder)) = (
        arguments.first().and_then(|count| count.parse().ok()),
        arguments.get(1),
    ) else {
        eprintln!("usage: vendor_exports NUMBER FOLDER");
        return ExitCode::from(2);
    };
    match write(count, Path::new(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {folder} can't be written: {error}");
            ExitCode::from(1)
        }
    }
}

/// Writes the exports of so many identities and the configuration that reads them.
pub(crate) fn write(count: u64, folder: &Path) -> io::Result<()> {
    let mut random = Random(11);
    let mut counter = Counter { next: 0 };
    for name in ["aws", "kubernetes"] {
        fs::create_dir_all(folder.join(name))?;
    }
    let accounts = count * 6 / 10;
    let mut left = accounts;
    for number in 0..accounts.div_ceil(ACCOUNT) {
        aws(folder, number, left.min(ACCOUNT), &mut counter, &mut random)?;
        left -= left.min(ACCOUNT);
    }
    let mut left = count - accounts;
    let clusters = left.div_ceil(CLUSTER);
    for number in 0..clusters {
        kubernetes(folder, number, left.min(CLUSTER), &mut counter, &mut random)?;
        left -= left.min(CLUSTER);
    }
    catalogue(folder, count.div_ceil(TEAM))?;
    fs::write(folder.join("policy.toml"), policy())?;
    fs::write(folder.join("inventory.toml"), inventory(clusters))
}

fn file(path: PathBuf) -> io::Result<BufWriter<File>> {
    File::create(path).map(BufWriter::new)
}

fn team(number: u64) -> String {
    format!("team-{:06}", number / TEAM)
}

/// Two thirds roles, one third users; the users stand in the credential report as well.
fn aws(
    folder: &Path,
    number: u64,
    count: u64,
    counter: &mut Counter,
    random: &mut Random,
) -> io::Result<()> {
    let account = 100_000_000_000 + number;
    let mut details = file(folder.join(format!("aws/authorization-details-{account}.json")))?;
    let mut report = file(folder.join(format!("aws/credential-report-{account}.csv")))?;
    writeln!(
        report,
        "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,\
         access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,\
         access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,\
         cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated"
    )?;
    let users = count / 3;
    write!(details, "{{\n    \"UserDetailList\": [")?;
    for n in 0..users {
        let owner = team(counter.take());
        let name = format!(
            "svc-{}-{}",
            ["ingest", "export", "mailer"][(n % 3) as usize],
            random.hex(32)
        );
        let path = format!(
            "/{}/{}/{owner}/",
            REGIONS[(n % 4) as usize],
            ENVIRONMENTS[(n % 4) as usize]
        );
        let (arn, created) = (
            format!("arn:aws:iam::{account}:user{path}{name}"),
            random.day(),
        );
        write!(
            details,
            "{}{{\"Path\": \"{path}\", \"UserName\": \"{name}\", \"UserId\": \"{}\", \"Arn\": \"{arn}\", \"CreateDate\": \"{created}+00:00\", \
             \"GroupList\": [], \"AttachedManagedPolicies\": [{{\"PolicyName\": \"service-{p}\", \"PolicyArn\": \"arn:aws:iam::{account}:policy/service-{p}\"}}], \
             \"Tags\": [{{\"Key\": \"owner\", \"Value\": \"{owner}\"}}, {{\"Key\": \"environment\", \"Value\": \"{}\"}}]}}",
            separator(n),
            random.id("AIDA"),
            ENVIRONMENTS[(n % 4) as usize],
            p = n % 20,
        )?;
        let (first, second) = (random.day(), random.day());
        writeln!(
            report,
            "{name},{arn},{created}+00:00,false,N/A,N/A,N/A,false,true,{first}+00:00,2026-03-{:02}T08:00:00+00:00,eu-west-1,s3,\
             true,{second}+00:00,N/A,N/A,N/A,false,N/A,false,N/A",
            1 + n % 19,
        )?;
    }
    write!(
        details,
        "],\n    \"GroupDetailList\": [],\n    \"RoleDetailList\": ["
    )?;
    for n in 0..count - users {
        let owner = team(counter.take());
        let name = format!(
            "{}-executor-{}",
            ["checkout", "ledger", "search"][(n % 3) as usize],
            random.hex(32)
        );
        let path = format!(
            "/{}/{}/{owner}/",
            REGIONS[(n % 4) as usize],
            ENVIRONMENTS[(n % 4) as usize]
        );
        let used = match n % 5 {
            0 => String::new(),
            day => format!(
                "\"LastUsedDate\": \"2026-03-{:02}T06:00:00+00:00\", \"Region\": \"eu-west-1\"",
                day * 4
            ),
        };
        write!(
            details,
            "{}{{\"Path\": \"{path}\", \"RoleName\": \"{name}\", \"RoleId\": \"{}\", \"Arn\": \"arn:aws:iam::{account}:role{path}{name}\", \
             \"CreateDate\": \"{}+00:00\", \"AssumeRolePolicyDocument\": {{\"Version\": \"2012-10-17\", \"Statement\": [{{\"Effect\": \"Allow\", \
             \"Principal\": {{\"Service\": \"{}.amazonaws.com\"}}, \"Action\": \"sts:AssumeRole\"}}]}}, \"InstanceProfileList\": [], \"RolePolicyList\": [], \
             \"AttachedManagedPolicies\": [{{\"PolicyName\": \"service-{p}\", \"PolicyArn\": \"arn:aws:iam::{account}:policy/service-{p}\"}}], \
             \"Tags\": [{{\"Key\": \"owner\", \"Value\": \"{owner}\"}}, {{\"Key\": \"environment\", \"Value\": \"{}\"}}], \"RoleLastUsed\": {{{used}}}}}",
            separator(n),
            random.id("AROA"),
            random.day(),
            SERVICES[(n % 5) as usize],
            ENVIRONMENTS[(n % 4) as usize],
            p = n % 20,
        )?;
    }
    write!(details, "],\n    \"Policies\": [")?;
    for p in 0..20 {
        write!(
            details,
            "{}{{\"PolicyName\": \"service-{p}\", \"PolicyId\": \"{}\", \"Arn\": \"arn:aws:iam::{account}:policy/service-{p}\", \"Path\": \"/\", \
             \"DefaultVersionId\": \"v1\", \"AttachmentCount\": 1, \"IsAttachable\": true, \"PolicyVersionList\": [{{\"Document\": {{\"Version\": \"2012-10-17\", \
             \"Statement\": [{{\"Effect\": \"Allow\", \"Action\": [\"s3:GetObject\", \"{}\"], \"Resource\": \"*\"}}]}}, \
             \"VersionId\": \"v1\", \"IsDefaultVersion\": true, \"CreateDate\": \"2024-01-01T00:00:00+00:00\"}}]}}",
            separator(p),
            random.id("ANPA"),
            [
                "s3:PutObject",
                "sqs:SendMessage",
                "kms:Decrypt",
                "iam:PassRole"
            ][(p % 4) as usize],
        )?;
    }
    writeln!(details, "]\n}}")?;
    details.flush()?;
    report.flush()
}

fn separator(number: u64) -> &'static str {
    if number == 0 {
        "\n        "
    } else {
        ",\n        "
    }
}

/// A quarter has no uid, as manifests under version control have none.
fn kubernetes(
    folder: &Path,
    number: u64,
    count: u64,
    counter: &mut Counter,
    random: &mut Random,
) -> io::Result<()> {
    let mut out = file(folder.join(format!("kubernetes/cluster-{number:04}.json")))?;
    write!(out, "{{\n    \"apiVersion\": \"v1\",\n    \"items\": [")?;
    for n in 0..count {
        let owner = team(counter.take());
        let environment = ENVIRONMENTS[(n % 4) as usize];
        let name = format!(
            "{}-{}",
            ["reconciler", "worker", "gateway"][(n % 3) as usize],
            random.hex(24)
        );
        let uid = if n % 4 == 0 {
            String::new()
        } else {
            format!("\"uid\": \"{}\", ", random.uuid())
        };
        write!(
            out,
            "{}{{\"apiVersion\": \"v1\", \"kind\": \"ServiceAccount\", \"metadata\": {{{uid}\"creationTimestamp\": \"{}Z\", \
             \"labels\": {{\"environment\": \"{environment}\", \"team\": \"{owner}\"}}, \"name\": \"{name}\", \
             \"namespace\": \"{owner}-{environment}-{}\", \"resourceVersion\": \"{}\"}}}}",
            separator(n),
            random.day(),
            ["payments-and-settlement", "customer-communication"][(n % 2) as usize],
            random.next() % 1_000_000,
        )?;
    }
    writeln!(
        out,
        "],\n    \"kind\": \"List\",\n    \"metadata\": {{\"resourceVersion\": \"\"}}\n}}"
    )?;
    out.flush()
}

fn catalogue(folder: &Path, teams: u64) -> io::Result<()> {
    let mut out = file(folder.join("catalog-info.yaml"))?;
    for team in 0..teams {
        write!(
            out,
            "---\napiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata:\n  name: team-{team:06}\nspec:\n  type: team\n  \
             profile:\n    displayName: Team {team}\n    email: team-{team:06}@larkmoor.example\n  children: []\n"
        )?;
    }
    out.flush()
}

fn inventory(clusters: u64) -> String {
    let mut out = "organization = \"Larkmoor Outdoor\"\npolicy = \"policy.toml\"\ncreated = \"2026-03-20T06:00:00Z\"\nsequence = 1\nvalid_for = \"24h\"\n".to_owned();
    let mut source = |name: &str, connector: &str, files: &str, domain: &str| {
        out.push_str(&format!(
            "\n[[source]]\nname = \"{name}\"\nconnector = \"{connector}\"\nfiles = [\"{files}\"]\n{domain}"
        ));
    };
    source("catalogue", "backstage", "catalog-info.yaml", "");
    source(
        "aws",
        "aws_authorization_details",
        "aws/authorization-details-*.json",
        "",
    );
    source(
        "aws-credentials",
        "aws_credential_report",
        "aws/credential-report-*.csv",
        "",
    );
    for number in 0..clusters {
        source(
            &format!("cluster-{number:04}"),
            "kubernetes",
            &format!("kubernetes/cluster-{number:04}.json"),
            &format!("domain = \"cluster-{number:04}\"\n"),
        );
    }
    out
}

/// Rules as an organisation of that size has them: baselines and responses that many share.
fn policy() -> String {
    let mut out = "version = 1\nextends = \"default\"\n\n[networks.egress]\nkind = \"egress\"\ncidrs = [\"198.51.100.0/24\"]\n".to_owned();
    for (number, environment) in ENVIRONMENTS.iter().enumerate() {
        for (provider, action) in [("aws", "s3.amazonaws.com:*"), ("k8s", "get *")] {
            out.push_str(&format!(
                "\n[behavior.{provider}-{environment}]\nmatch = {{ provider = \"{provider}\", tag = {{ environment = \"{environment}\" }} }}\n\
                 networks = [\"egress\"]\nactions = [\"{action}\"]\nhours = \"mon-fri 0{number}:00-20:00\"\n"
            ));
        }
    }
    for (provider, kind, system, action) in [
        ("aws", "iam_user", "aws-iam", "deactivate the access keys"),
        (
            "aws",
            "iam_role",
            "aws-iam",
            "attach a policy that denies everything",
        ),
        (
            "k8s",
            "service_account",
            "kubernetes",
            "delete the role bindings",
        ),
    ] {
        out.push_str(&format!(
            "\n[[response]]\nmatch = {{ provider = \"{provider}\", kind = \"{kind}\" }}\nresponse_owner = \"group:default/cloud-iam\"\n\
             escalation_policy = {{ system = \"pagerduty\", id = \"PCLOUD1\" }}\n\
             revocation = [{{ action = \"{action}\", system = \"{system}\", expected_minutes = 5 }}]\n"
        ));
    }
    for environment in ENVIRONMENTS {
        let criticality = if environment == "production" {
            "high"
        } else {
            "low"
        };
        out.push_str(&format!(
            "\n[[classify]]\nmatch = {{ tag = {{ environment = \"{environment}\" }} }}\nset = {{ criticality = \"{criticality}\" }}\n"
        ));
    }
    out
}
