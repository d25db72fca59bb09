//! Subjects of GitHub Actions' OIDC tokens: which repository a subject, or a pattern of subjects, names.
//!
//! GitHub's "OpenID Connect reference": `repo:ORG/REPO:CONTEXT`; with immutable identifiers
//! `repo:ORG@ID/REPO@ID:CONTEXT`; a template of one's own puts other claims in front, each `NAME:VALUE`.

/// The issuer of a host's tokens, as the domain of an `oidc_subject`.
#[must_use]
pub(crate) fn issuer(host: &str) -> String {
    if host == "github.com" {
        "token.actions.githubusercontent.com".to_owned()
    } else if host.ends_with(".ghe.com") {
        format!("token.actions.{host}")
    } else {
        format!("{host}/_services/token")
    }
}

/// `ORG/REPO` of a subject or a pattern, without ids. Wildcards stay, and a pattern that ends inside
/// the claim (`repo:org/*`) is given as it is. `None` when it names no repository.
#[must_use]
pub(crate) fn repository(subject: &str) -> Option<String> {
    let claim = match subject.strip_prefix("repo:") {
        Some(rest) => rest,
        None => subject.split_once(":repo:")?.1,
    };
    let (owner, name) = claim.split(':').next()?.split_once('/')?;
    let bare = |text: &str| text.split('@').next().unwrap_or(text).to_owned();
    let (owner, name) = (bare(owner), bare(name));
    (!owner.is_empty() && !name.is_empty()).then(|| format!("{owner}/{name}"))
}

/// Whether a text is a pattern, as trust policies write them.
#[must_use]
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_name_their_repository() {
        for (subject, expected) in [
            (
                "repo:larkmoor/docs:ref:refs/heads/main",
                Some("larkmoor/docs"),
            ),
            (
                "repo:larkmoor@12/docs@3456:pull_request",
                Some("larkmoor/docs"),
            ),
            (
                "repository_owner:larkmoor:repo:larkmoor/docs:environment:x",
                Some("larkmoor/docs"),
            ),
            ("repo:larkmoor/*", Some("larkmoor/*")),
            ("repo:larkmoor/docs:*", Some("larkmoor/docs")),
            ("repo:*", None),
            ("repo:/x", None),
            ("system:serviceaccount:a:b", None),
        ] {
            assert_eq!(repository(subject).as_deref(), expected, "{subject}");
        }
    }

    #[test]
    fn each_host_has_its_issuer() {
        assert_eq!(issuer("github.com"), "token.actions.githubusercontent.com");
        assert_eq!(issuer("larkmoor.ghe.com"), "token.actions.larkmoor.ghe.com");
        assert_eq!(issuer("git.example.com"), "git.example.com/_services/token");
    }
}
