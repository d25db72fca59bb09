//! Generated JSON documents, as they are written.

use super::*;

/// A JSON document as it is written: members in order, duplicates kept.
#[derive(Clone)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Writer::write(self, 0))
    }
}

/// Writes a document with seeded blanks and escapes.
pub(super) struct Writer {
    lcg: Lcg,
    out: String,
}

impl Writer {
    pub(super) fn write(json: &Json, seed: u64) -> String {
        let mut this = Self {
            lcg: Lcg(seed),
            out: String::new(),
        };
        this.value(json);
        this.out
    }

    fn blank(&mut self) {
        // A line feed would end the line; it is the one blank that cannot stand in one.
        for _ in 0..self.lcg.below(8).saturating_sub(5) {
            self.out.push([' ', '\t', '\r'][self.lcg.below(3)]);
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            let must = c < ' ' || c == '"' || c == '\\';
            if !must && self.lcg.below(12) != 0 {
                self.out.push(c);
                continue;
            }
            let short = match c {
                '"' => Some('"'),
                '\\' => Some('\\'),
                '/' => Some('/'),
                '\n' => Some('n'),
                '\r' => Some('r'),
                '\t' => Some('t'),
                '\u{8}' => Some('b'),
                '\u{c}' => Some('f'),
                _ => None,
            };
            match short.filter(|_| self.lcg.below(2) == 0) {
                Some(short) => self.out.extend(['\\', short]),
                None => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        let digits = if self.lcg.below(2) == 0 {
                            format!("\\u{unit:04x}")
                        } else {
                            format!("\\u{unit:04X}")
                        };
                        self.out.push_str(&digits);
                    }
                }
            }
        }
        self.out.push('"');
    }

    fn value(&mut self, json: &Json) {
        self.blank();
        match json {
            Json::Null => self.out.push_str("null"),
            Json::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Json::Number(value) => self.out.push_str(value),
            Json::Text(text) => self.text(text),
            Json::Array(items) => {
                self.out.push('[');
                for (number, item) in items.iter().enumerate() {
                    if number > 0 {
                        self.out.push(',');
                    }
                    self.value(item);
                }
                self.blank();
                self.out.push(']');
            }
            Json::Object(members) => {
                self.out.push('{');
                for (number, (name, value)) in members.iter().enumerate() {
                    if number > 0 {
                        self.out.push(',');
                    }
                    self.blank();
                    self.text(name);
                    self.blank();
                    self.out.push(':');
                    self.value(value);
                }
                self.blank();
                self.out.push('}');
            }
        }
        self.blank();
    }
}

pub(super) fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<u32>().prop_map(|n| n.to_string()),
        any::<i16>().prop_map(|n| n.to_string()),
        (100_000_000_000_u64..1_000_000_000_000).prop_map(|n| n.to_string()),
    ]
}

pub(super) fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        number().prop_map(Json::Number),
        prop_oneof![
            Just("1e5"),
            Just("-0.25"),
            Just("0"),
            Just("-0"),
            Just("1E+2"),
            Just("10.5e-3")
        ]
        .prop_map(|n| Json::Number(n.to_owned())),
        "\\PC{0,12}".prop_map(Json::Text),
        any::<String>().prop_map(Json::Text),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::Array),
            vec((member_name(), inner), 0..4).prop_map(Json::Object),
        ]
    })
}

/// Names that mean something, names that nearly do, and any.
pub(super) fn member_name() -> impl Strategy<Value = String> {
    let known = [
        "userIdentity",
        "type",
        "principalId",
        "arn",
        "accountId",
        "accessKeyId",
        "userName",
        "invokedBy",
        "identityProvider",
        "sessionContext",
        "sessionIssuer",
        "eventName",
        "eventSource",
        "eventVersion",
        "eventTime",
        "requestParameters",
        "roleArn",
        "responseElements",
        "assumedRoleUser",
        "assumedRoleId",
        "user",
        "username",
        "uid",
        "extra",
        "kind",
        "verb",
        "objectRef",
        "whose",
        "Whose",
        "whose ",
        "",
        "sourceIPAddress",
        "recipientAccountId",
        "resources",
        "ARN",
        "@timestamp",
        "impersonatedUser",
        "namespace",
        "name",
        "resource",
    ];
    prop_oneof![6 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}
