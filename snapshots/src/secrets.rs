//! Shapes of secrets: what issuers put in front of them, and how the rest looks.
//!
//! Every text that enters a snapshot is looked at, so this is one pass over its bytes; what it sees on
//! the way decides which closer looks are needed. A shape is named in a finding, its value never is.

/// Prefixes that issuers put in front of secrets, and how many characters of the token must follow.
const MARKS: &[(&str, usize, &str)] = &[
    ("ghp_", 30, "a GitHub token"),
    ("gho_", 30, "a GitHub token"),
    ("ghu_", 30, "a GitHub token"),
    ("ghs_", 30, "a GitHub token"),
    ("ghr_", 30, "a GitHub token"),
    ("github_pat_", 20, "a GitHub token"),
    ("glpat-", 18, "a GitLab token"),
    ("gldt-", 18, "a GitLab token"),
    ("glrt-", 18, "a GitLab token"),
    ("glptt-", 18, "a GitLab token"),
    ("glcbt-", 18, "a GitLab token"),
    ("glft-", 18, "a GitLab token"),
    ("glsoat-", 18, "a GitLab token"),
    ("gloas-", 18, "a GitLab token"),
    ("glagent-", 18, "a GitLab token"),
    ("xoxa-", 10, "a Slack token"),
    ("xoxb-", 10, "a Slack token"),
    ("xoxc-", 10, "a Slack token"),
    ("xoxd-", 10, "a Slack token"),
    ("xoxe-", 10, "a Slack token"),
    ("xoxe.xoxp-", 10, "a Slack token"),
    ("xoxo-", 10, "a Slack token"),
    ("xoxp-", 10, "a Slack token"),
    ("xoxr-", 10, "a Slack token"),
    ("xoxs-", 10, "a Slack token"),
    ("xapp-", 10, "a Slack token"),
    ("hooks.slack.com/services/T", 20, "a Slack webhook"),
    ("hooks.slack.com/workflows/T", 20, "a Slack webhook"),
    ("hooks.slack.com/triggers/T", 20, "a Slack webhook"),
    ("discord.com/api/webhooks/", 20, "a Discord webhook"),
    ("discordapp.com/api/webhooks/", 20, "a Discord webhook"),
    ("AIza", 35, "a Google API key"),
    ("GOCSPX-", 20, "a Google client secret"),
    ("ya29.", 20, "a Google access token"),
    ("FwoGZXIvYXdz", 20, "an AWS session token"),
    ("IQoJb3JpZ2lu", 20, "an AWS session token"),
    ("ABSK", 60, "an Amazon Bedrock key"),
    ("hvs.", 20, "a Vault token"),
    ("hvb.", 20, "a Vault token"),
    ("hvr.", 20, "a Vault token"),
    ("npm_", 36, "an npm token"),
    ("pypi-AgE", 16, "a PyPI token"),
    ("rubygems_", 32, "a RubyGems key"),
    ("sk_live_", 16, "a Stripe key"),
    ("rk_live_", 16, "a Stripe key"),
    ("sk_test_", 16, "a Stripe key"),
    ("rk_test_", 16, "a Stripe key"),
    ("whsec_", 24, "a webhook secret"),
    ("sk-ant-", 20, "an Anthropic key"),
    ("sk-proj-", 20, "an OpenAI key"),
    ("sk-svcacct-", 20, "an OpenAI key"),
    ("sk-", 32, "an OpenAI key"),
    ("SK", 32, "a Twilio key"),
    ("hf_", 30, "a Hugging Face token"),
    ("dop_v1_", 32, "a DigitalOcean token"),
    ("dapi", 32, "a Databricks token"),
    ("dckr_pat_", 20, "a Docker token"),
    ("glsa_", 30, "a Grafana token"),
    ("glc_", 30, "a Grafana token"),
    ("lin_api_", 30, "a Linear key"),
    ("NRAK-", 20, "a New Relic key"),
    ("PMAK-", 30, "a Postman key"),
    ("SG.", 40, "a SendGrid key"),
    ("shpat_", 30, "a Shopify token"),
    ("shpss_", 30, "a Shopify secret"),
    ("sntrys_", 30, "a Sentry token"),
    ("ATATT3", 30, "an Atlassian token"),
    ("AGE-SECRET-KEY-1", 40, "an age key"),
];

/// Names whose value is a secret when it is written behind `=`.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "accountkey",
    "sharedaccesskey",
    "sharedsecretkey",
    "client_secret",
    "clientsecret",
    "api_key",
    "apikey",
    "secret_key",
    "secretkey",
    "secretaccesskey",
    "aws_secret_access_key",
    "access_token",
    "refresh_token",
];

/// Ends of names whose value is a secret, when it is long enough and no reference.
const ENDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "api_key",
    "api-key",
    "apikey",
    "access_key",
    "access-key",
    "accesskey",
    "secret_key",
    "secret-key",
];

/// Which pairs of first bytes occur in [`MARKS`]: most words of a text end here.
const PAIRS: [u64; 1024] = {
    let mut out = [0; 1024];
    let mut at = 0;
    while at < MARKS.len() {
        let mark = MARKS[at].0.as_bytes();
        let pair = (mark[0] as usize) << 8 | mark[1] as usize;
        out[pair >> 6] |= 1 << (pair & 63);
        at += 1;
    }
    out
};

const fn starts_mark(first: u8, second: u8) -> bool {
    let pair = (first as usize) << 8 | second as usize;
    PAIRS[pair >> 6] >> (pair & 63) & 1 == 1
}

/// What a text holds that is shaped as a secret.
#[must_use]
pub fn shape(text: &str) -> Option<&'static str> {
    let seen = look(text);
    seen.marked.or_else(|| unmarked(text, &seen))
}

/// As [`shape`], for keys: random ids of 40 or 88 characters are ids there.
#[must_use]
pub(crate) fn marked_shape(text: &str) -> Option<&'static str> {
    look(text).marked
}

/// What one pass over a text finds.
struct Seen {
    marked: Option<&'static str>,
    /// A run of 40 characters of base64.
    is_key_long: bool,
    /// A run of 86 characters of base64 and `==`.
    is_account_key_long: bool,
}

fn look(text: &str) -> Seen {
    let mut seen = Seen {
        marked: None,
        is_key_long: false,
        is_account_key_long: false,
    };
    let bytes = text.as_bytes();
    // The shortest of them all is longer; most names end here.
    if bytes.len() < 12 {
        return seen;
    }
    let (mut in_word, mut run) = (false, 0_usize);
    let (mut equals, mut tilde, mut at_sign, mut dashes, mut jwt) =
        (false, false, false, false, false);
    let (mut colon, mut bearer) = (false, false);
    for (at, byte) in bytes.iter().copied().enumerate() {
        let starts_word = !in_word;
        in_word = byte.is_ascii_alphanumeric();
        if in_word || matches!(byte, b'/' | b'+') {
            run += 1;
        } else {
            seen.is_key_long |= run == 40;
            seen.is_account_key_long |= run == 86 && byte == b'=';
            run = 0;
            equals |= byte == b'=';
            // Most colons stand in uids and ARNs, behind words that end otherwise.
            colon |= byte == b':' && at > 0 && ends_name(bytes[at - 1]);
            tilde |= byte == b'~';
            at_sign |= byte == b'@';
            dashes |= byte == b'-' && bytes[at..].starts_with(b"-----BEGIN");
        }
        if !in_word {
            continue;
        }
        if !starts_word {
            if let Some(second) = bytes.get(at + 1)
                && starts_mark(byte, *second)
                && let Some(name) = glued_mark(&bytes[at..])
            {
                seen.marked = Some(name);
                return seen;
            }
            continue;
        }
        bearer |= matches!(byte, b'b' | b'B') && is_bearer(&bytes[at..]);
        let second = bytes.get(at + 1).copied().unwrap_or(0);
        jwt |= byte == b'e' && second == b'y';
        if starts_mark(byte, second)
            && let Some(name) = mark(&bytes[at..])
        {
            seen.marked = Some(name);
            return seen;
        }
    }
    seen.is_key_long |= run == 40;
    seen.marked = if dashes && text.contains("PRIVATE KEY") {
        Some("a private key")
    } else if jwt && has_jwt(text) {
        Some("a signed token")
    } else if tilde && has_entra_secret(text) {
        Some("an Entra client secret")
    } else if at_sign && has_url_password(text) {
        Some("a password in an address")
    } else if bearer {
        Some("a token of a request")
    } else if (equals || colon) && has_assignment(text) {
        Some("a password or key behind its name")
    } else {
        None
    };
    seen
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'+' | b'=')
}

fn mark(rest: &[u8]) -> Option<&'static str> {
    MARKS.iter().find_map(|(mark, least, name)| {
        let token = rest.strip_prefix(mark.as_bytes())?;
        // A word may begin with these four letters; the token is hexadecimal.
        let is_token = |byte: u8| match *mark {
            "dapi" | "SK" => byte.is_ascii_hexdigit(),
            // Names of things are put together with hyphens, these tokens are not.
            "sk-" => byte.is_ascii_alphanumeric(),
            _ => is_token(byte),
        };
        let len = token.iter().take_while(|byte| is_token(**byte)).count();
        (len >= *least).then_some(*name)
    })
}

/// A mark in the middle of a word (`oldghp_…`): but for marks that no word ends with, the token has to be as
/// random as tokens are, for others end ordinary words (`shelf_`, `MSG.`).
fn glued_mark(rest: &[u8]) -> Option<&'static str> {
    MARKS.iter().find_map(|(mark, least, name)| {
        let token = rest.strip_prefix(mark.as_bytes())?;
        let is_distinct = [
            "ghp_",
            "gho_",
            "ghu_",
            "ghs_",
            "ghr_",
            "github_pat_",
            "glpat-",
        ]
        .contains(mark)
            || mark.starts_with("xox");
        let is_part = |byte: &u8| {
            byte.is_ascii_alphanumeric() || (is_distinct && matches!(byte, b'_' | b'-'))
        };
        let token = token.get(..*least)?;
        (mark.len() >= 4
            && token.iter().all(is_part)
            && (is_distinct || token.iter().any(u8::is_ascii_digit)))
        .then_some(*name)
    })
}

/// `Bearer` and a token behind it; the word alone also stands in sentences.
fn is_bearer(rest: &[u8]) -> bool {
    let Some((word, token)) = rest.split_at_checked(7) else {
        return false;
    };
    let len = token.iter().take_while(|byte| is_token(**byte)).count();
    word.eq_ignore_ascii_case(b"bearer ")
        && len >= 8
        && token[..len].iter().any(u8::is_ascii_digit)
        && token[..len].iter().any(u8::is_ascii_alphabetic)
}

/// Whether a byte may be the last one of a name in [`NAMES`] or [`ENDS`], or what closes it.
const fn ends_name(byte: u8) -> bool {
    matches!(
        byte.to_ascii_lowercase(),
        b'd' | b't' | b'n' | b'y' | b'e' | b'"' | b'\'' | b' '
    )
}

fn unmarked(text: &str, seen: &Seen) -> Option<&'static str> {
    if seen.is_key_long && has_random(text, 40, 4400) {
        return Some("an AWS secret access key");
    }
    (seen.is_account_key_long && has_random(text, 86, 5000)).then_some("an Azure account key")
}

/// `eyJ….eyJ….signature`: a JSON header and body in base64url.
fn has_jwt(text: &str) -> bool {
    text.match_indices("eyJ").any(|(at, _)| {
        let token: &str = text[at..]
            .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')))
            .next()
            .unwrap_or("");
        let mut parts = token.split('.');
        parts.next().is_some_and(|header| header.len() >= 10)
            && parts.next().is_some_and(|body| body.starts_with("eyJ"))
    })
}

/// Three characters, a digit, `Q~` and 31 characters or more.
fn has_entra_secret(text: &str) -> bool {
    let is_part =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'~' | b'.' | b'-');
    text.match_indices("Q~").any(|(at, _)| {
        let (before, after) = (&text.as_bytes()[..at], &text.as_bytes()[at + 2..]);
        let [.., a, b, c, digit] = before else {
            return false;
        };
        digit.is_ascii_digit()
            && [a, b, c].into_iter().all(is_part)
            && after.iter().take_while(|byte| is_part(byte)).count() >= 31
    })
}

/// `scheme://user:password@host`.
fn has_url_password(text: &str) -> bool {
    text.match_indices("://").any(|(at, _)| {
        let authority = text[at + 3..]
            .split(['/', '?', '#', ' ', '"'])
            .next()
            .unwrap_or("");
        authority.rsplit_once('@').is_some_and(|(userinfo, host)| {
            !host.is_empty()
                && userinfo.split_once(':').is_some_and(|(_, password)| {
                    !password.is_empty() && !password.starts_with("oauth")
                })
        })
    })
}

/// `Password=…;` of connection strings, `client_secret=…` of requests, `password: …` of settings, `sig=…`
/// of shared access signatures. What only stands for a value is none.
fn has_assignment(text: &str) -> bool {
    text.match_indices(['=', ':']).any(|(at, separator)| {
        let before = text[..at].trim_end_matches([' ', '"', '\'']);
        if !before
            .bytes()
            .next_back()
            .is_some_and(|byte| ends_name(byte) || byte == b'g')
        {
            return false;
        }
        let from = before
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-')))
            .map_or(0, |at| at + 1);
        // The separator that is searched may be longer than a byte.
        let full_name = before.get(from..).unwrap_or("");
        let name = full_name.rsplit('-').next().unwrap_or("");
        let rest = &text[at + 1..];
        let value = rest.trim_start();
        let is_apart = value.len() < rest.len();
        let value_start = value;
        let value = value.trim_start_matches(['"', '\'']);
        let is_quoted = value.len() < value_start.len();
        let end = value
            .find([';', '&', ' ', '"', '\'', ',', '\n', '\r', '}', ')'])
            .unwrap_or(value.len());
        let ends_line = matches!(value[end..].bytes().next(), None | Some(b'\n' | b'\r'));
        let value = &value[..end];
        let has_end = || {
            ENDS.iter().any(|end| {
                let (name, end) = (full_name.as_bytes(), end.as_bytes());
                name.len() >= end.len() && name[name.len() - end.len()..].eq_ignore_ascii_case(end)
            })
        };
        let is_written = if separator == "=" || is_quoted {
            true
        } else if is_apart {
            // A sentence has a colon as well: `the token: described there`. A setting begins its line.
            let begins_line = text[..from].trim_end_matches([' ', '"', '\'']).is_empty()
                || text[..from].ends_with('\n');
            begins_line && ends_line || is_made_up(value)
        } else {
            // So are references and ARNs written: `secret:store/name`.
            let is_inside = text[..from].ends_with([':', '/', '.', '@', '#']);
            !is_inside && !value.contains(['/', ':', '#']) && is_made_up(value)
        };
        if value.len() >= 8 && is_written && !is_reference(value) && has_end() {
            return true;
        }
        if separator == ":" {
            return false;
        }
        if name.eq_ignore_ascii_case("sig") {
            let is_part = |c: char| c.is_ascii_alphanumeric() || "+/=%-_".contains(c);
            return value.len() >= 40 && value.chars().all(is_part);
        }
        if name.eq_ignore_ascii_case("code") && text[..from].ends_with(['?', '&']) {
            return is_function_key(value);
        }
        let stands_for = value.starts_with(['$', '<', '{', '%', '*'])
            || value
                .bytes()
                .all(|byte| matches!(byte, b'x' | b'X' | b'.' | b'*'));
        value.len() >= 6
            && !stands_for
            && NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
    })
}

/// A key of Azure Functions, as addresses carry it behind `?code=`: 40 random bytes in base64, or the newer
/// form that says what it is.
fn is_function_key(value: &str) -> bool {
    let bare = value.trim_end_matches('=');
    let bare = bare
        .strip_suffix("%3D%3D")
        .or_else(|| bare.strip_suffix("%3d%3d"));
    let bare = bare.unwrap_or_else(|| value.trim_end_matches('='));
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+/-_%".contains(c);
    let is_long = bare.contains("AzFu") && bare.len() >= 50;
    bare.chars().all(is_part) && (is_long || (bare.len() >= 54 && value.len() > bare.len()))
}

/// Whether a value has what words of a sentence have not.
fn is_made_up(value: &str) -> bool {
    let trimmed = value.trim_end_matches(['.', '!', '?']);
    let inner = trimmed.get(1..).unwrap_or("");
    trimmed.bytes().any(|byte| byte.is_ascii_digit())
        || inner.bytes().any(|byte| byte.is_ascii_uppercase())
        || trimmed.contains(['!', '#', '$', '%', '^', '*', '+', '=', '~', '_'])
}

/// Whether a value only says where the secret is: a placeholder, a path, an address, an ARN.
fn is_reference(value: &str) -> bool {
    let scheme = value.split(':').next().unwrap_or("");
    value.starts_with(['$', '<', '{', '%', '*', '/', '.', '[', '(', '@', '!'])
        || ["projects/", "secret/", "secrets/", "kv/", "env.", "data."]
            .iter()
            .any(|start| value.starts_with(start))
        || value.contains("://")
        || value.contains("/secrets/")
        || (scheme.len() < value.len()
            && scheme.len() >= 2
            && scheme
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'))
        || value
            .bytes()
            .all(|byte| matches!(byte, b'x' | b'X' | b'.' | b'*' | b'-' | b'_'))
}

/// A run of base64 of this length that is random enough: these keys have no prefix. Digests in
/// hexadecimal and readable paths stay below the bound.
fn has_random(text: &str, len: usize, least_millibits: u64) -> bool {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '+')))
        .filter(|token| token.len() == len)
        .any(|token| {
            let count = |is: fn(&u8) -> bool| token.as_bytes().iter().filter(|b| is(b)).count();
            count(u8::is_ascii_uppercase) >= 4
                && count(u8::is_ascii_lowercase) >= 4
                && count(u8::is_ascii_digit) >= 1
                && millibits(token) >= least_millibits
        })
}

/// Entropy of the characters of a text, in thousandths of a bit a character.
fn millibits(text: &str) -> u64 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let len = text.len() as f64;
    let bits: f64 = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / len;
            -share * share.log2()
        })
        .sum();
    (bits * 1000.0) as u64
}

/// One made-up secret of each shape, put together here so that scanners of this repository stay quiet.
#[cfg(test)]
pub(crate) fn samples() -> Vec<String> {
    let random = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzQ8vT2sLp1";
    let long = "a1B2c3D4e5F6g7H8".repeat(6);
    let mut out: Vec<String> = MARKS
        .iter()
        .map(|(mark, _, _)| format!("{mark}{}", long.replace(['g', 'H'], "0")))
        .collect();
    let account_key: String = (0..86_u8)
        .map(|n| {
            let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            char::from(letters[usize::from(n) * 37 % 64])
        })
        .collect();
    out.extend([
        random.to_owned(),
        format!("key={random};"),
        format!("eyJ{}.eyJ{}.sig", "hbGciOiJIUzI1NiJ9", "zdWIiOiIxIn0"),
        format!("-----BEGIN RSA {} KEY-----\nMIIE", "PRIVATE"),
        format!(
            "{{\"private_key\": \"-----BEGIN {} KEY-----\\nMIIE",
            "PRIVATE"
        ),
        format!("abc8Q{}{}", "~", "d".repeat(34)),
        "postgres://app:hunter2@db.example/x".to_owned(),
        "Server=db.example;User Id=app;Password=hunter22;".to_owned(),
        "jdbc:sqlserver://db.example;user=app;pwd=hunter22".to_owned(),
        format!("DefaultEndpointsProtocol=https;AccountName=x;AccountKey={account_key}=="),
        format!(
            "Endpoint=sb://x.example/;SharedAccessKeyName=Root;SharedAccessKey={}=",
            "q".repeat(43)
        ),
        format!("{account_key}=="),
        format!(
            "https://x.blob.example/c?sv=2024-11-04&sp=r&sig={}%3D",
            "aB3".repeat(15)
        ),
        format!(
            "https://shop.azurewebsites.net/api/orders?code={}==",
            "aB3".repeat(18)
        ),
        format!(
            "https://shop.azurewebsites.net/api/orders?x=1&code={}%3D%3D",
            "aB3".repeat(18)
        ),
        format!(
            "https://shop.azurewebsites.net/api/orders?code={}AzFu{}Q==",
            "aB3-_x6Z".repeat(5),
            "7aB3-_x6"
        ),
        "grant_type=client_credentials&client_secret=hunter2hunter2".to_owned(),
        "password: hunter22".to_owned(),
        "{\"password\":\"correcthorse\"}".to_owned(),
        format!("Authorization: Bearer {}", "a1B2c3D4e5"),
        "token=hunter22hunter".to_owned(),
        "secret=hunter22hunter".to_owned(),
        "db_password=hunter22".to_owned(),
        "x-api-key: hunter22".to_owned(),
        format!("old{}{}", "ghp_", "a1B2c3D4e5".repeat(4)),
        format!("old{}{}", "ghp_", "c".repeat(36)),
    ]);
    out
}

#[cfg(test)]
mod tests;
