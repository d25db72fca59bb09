//! The closed vocabularies: every enumerated word that a snapshot or an output may carry.
//!
//! Each word has a stable code, which is what a snapshot stores, and a text, which is what people
//! and pipelines read. Codes are never reused; a reader that meets an unknown code treats the fact
//! as absent, so that a newer snapshot stays readable.

/// Declares an enumeration whose variants have a stable code and a text.
macro_rules! vocabulary {
    (
        $(#[$meta:meta])*
        $name:ident { $( $(#[$vmeta:meta])* $variant:ident = $code:literal, $text:literal; )+ }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum $name { $( $(#[$vmeta])* $variant = $code, )+ }

        impl $name {
            /// Every word of this vocabulary, in the order of the codes.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// The code that a snapshot stores.
            #[must_use]
            pub const fn code(self) -> u8 { self as u8 }

            /// The word for a stored code, `None` for a code of a newer minor version.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $( $code => Some(Self::$variant), )+ _ => None }
            }

            /// The text that outputs carry.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )+ }
            }

            /// The word with this text, exactly as written.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                // A loop: a match over texts is code for each of them, which guests carry.
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

vocabulary! {
    /// What an identity is. An API key is a credential, never a kind.
    Kind {
        /// Not known.
        Unknown = 0, "unknown";
        /// A service account (Kubernetes, GCP, directory).
        ServiceAccount = 1, "service_account";
        /// An AWS IAM user.
        IamUser = 2, "iam_user";
        /// An AWS IAM role.
        IamRole = 3, "iam_role";
        /// An Entra service principal.
        ServicePrincipal = 4, "service_principal";
        /// An Azure managed identity.
        ManagedIdentity = 5, "managed_identity";
        /// An OAuth client.
        OauthClient = 6, "oauth_client";
        /// A workload with an identity of its own (SPIFFE, instance, function).
        Workload = 7, "workload";
        /// A job of a CI system.
        CiJob = 8, "ci_job";
        /// A bot of a collaboration or code platform.
        Bot = 9, "bot";
        /// An AI agent.
        AiAgent = 10, "ai_agent";
        /// A device.
        Device = 11, "device";
        /// A person.
        Human = 12, "human";
    }
}

vocabulary! {
    /// Who runs the system that an identity lives in.
    Provider {
        /// Amazon Web Services; the domain is an account id.
        Aws = 1, "aws";
        /// Kubernetes; the domain is a cluster name.
        K8s = 2, "k8s";
        /// Google Cloud; the domain is a project id.
        Gcp = 3, "gcp";
        /// Microsoft Entra; the domain is a tenant id.
        Entra = 4, "entra";
        /// GitHub; the domain is a host.
        Github = 5, "github";
        /// Okta; the domain is an org.
        Okta = 6, "okta";
        /// `HashiCorp` Vault or `OpenBao`; the domain is a cluster.
        Vault = 7, "vault";
        /// SPIFFE; the domain is a trust domain.
        Spiffe = 8, "spiffe";
        /// An OpenID Connect issuer; the domain is the issuer.
        Oidc = 9, "oidc";
        /// Anything else; the domain is whatever the inventory says.
        Other = 10, "other";
    }
}

vocabulary! {
    /// The part that an identity plays in one event.
    Role {
        /// The authenticated identity: it holds the credential.
        Actor = 1, "actor";
        /// Whose permissions were used, when another's than the actor's.
        Effective = 2, "effective";
        /// On whose behalf the actor acted.
        Delegator = 3, "delegator";
        /// A service that forwarded the call.
        Via = 4, "via";
        /// Acted upon.
        Target = 5, "target";
    }
}

vocabulary! {
    /// Whether what an event tells of came about (`event.outcome` of ECS).
    EventOutcome {
        /// It did.
        Success = 1, "success";
        /// It was refused, or it failed.
        Failure = 2, "failure";
    }
}

vocabulary! {
    /// The result of looking up one observed identity. Exactly one each.
    OutcomeKind {
        /// One identity held the key when the event happened.
        Matched = 1, "matched";
        /// The provider and domain are covered, the key is not known.
        NotFound = 2, "not_found";
        /// The key belonged to nobody, or to another, when the event happened.
        NotFoundAtTime = 3, "not_found_at_time";
        /// The key belongs to an identity that had been removed before the event happened.
        Retired = 4, "retired";
        /// Several identities held the key when the event happened.
        Ambiguous = 5, "ambiguous";
        /// No attached snapshot covers that provider and domain.
        OutOfScope = 6, "out_of_scope";
    }
}

vocabulary! {
    /// The log formats that can be recognised.
    Format {
        /// Not recognised.
        Unknown = 0, "unknown";
        /// AWS CloudTrail.
        AwsCloudtrail = 1, "aws_cloudtrail";
        /// Google Cloud Audit Logs.
        GcpAudit = 2, "gcp_audit";
        /// Entra sign-in logs.
        EntraSignin = 3, "entra_signin";
        /// Entra audit logs.
        EntraAudit = 4, "entra_audit";
        /// Microsoft Graph activity logs.
        MsgraphActivity = 5, "msgraph_activity";
        /// Azure Activity logs.
        AzureActivity = 6, "azure_activity";
        /// Azure Key Vault logs.
        AzureKeyvault = 7, "azure_keyvault";
        /// Microsoft 365 unified audit log.
        O365Ual = 8, "o365_ual";
        /// Kubernetes audit.
        K8sAudit = 9, "k8s_audit";
        /// GitHub audit log.
        GithubAudit = 10, "github_audit";
        /// Okta System Log.
        OktaSystemLog = 11, "okta_system_log";
        /// OCSF events.
        Ocsf = 12, "ocsf";
        /// ECS events.
        Ecs = 13, "ecs";
        /// An in-house log described by configuration.
        Mapped = 14, "mapped";
    }
}

vocabulary! {
    /// Where an identity is used (OpenTelemetry `deployment.environment.name`).
    Environment {
        /// Production.
        Production = 1, "production";
        /// Staging.
        Staging = 2, "staging";
        /// Test.
        Test = 3, "test";
        /// Development.
        Development = 4, "development";
        /// Anything else.
        Other = 5, "other";
    }
}

vocabulary! {
    /// How much the business depends on an identity (OpenTelemetry `service.criticality`).
    /// Absent means unknown, never `low`.
    Criticality {
        /// Low.
        Low = 1, "low";
        /// Medium.
        Medium = 2, "medium";
        /// High.
        High = 3, "high";
        /// Critical.
        Critical = 4, "critical";
    }
}

vocabulary! {
    /// The widest permission that an identity holds.
    PrivilegeLevel {
        /// None.
        None = 1, "none";
        /// Read.
        Read = 2, "read";
        /// Write.
        Write = 3, "write";
        /// Administer.
        Admin = 4, "admin";
    }
}

vocabulary! {
    /// Where an identity stands in its life.
    LifecycleState {
        /// In use.
        Active = 1, "active";
        /// Switched off, still there.
        Disabled = 2, "disabled";
        /// Unused for longer than the policy allows.
        Dormant = 3, "dormant";
        /// Removed; kept as a tombstone.
        Deprovisioned = 4, "deprovisioned";
    }
}

vocabulary! {
    /// Whether an owner is still there to answer.
    OwnerStatus {
        /// Not known.
        Unknown = 0, "unknown";
        /// There.
        Active = 1, "active";
        /// Gone: the identity is orphaned although a name stands in the field.
        Departed = 2, "departed";
    }
}

vocabulary! {
    /// Whether a credential can be used.
    CredentialStatus {
        /// Not known.
        Unknown = 0, "unknown";
        /// Usable.
        Active = 1, "active";
        /// Switched off.
        Inactive = 2, "inactive";
        /// Past its expiry.
        Expired = 3, "expired";
        /// Revoked or deleted.
        Revoked = 4, "revoked";
    }
}

vocabulary! {
    /// What expected behaviour can be stated about.
    Dimension {
        /// Source network.
        Network = 1, "network";
        /// Cloud region.
        Region = 2, "region";
        /// Action, as `service:Operation` or `verb resource`.
        Action = 3, "action";
        /// User agent.
        UserAgent = 4, "user_agent";
        /// Hour of the week, UTC.
        Hours = 5, "hours";
        /// Workload that uses the identity.
        Workload = 6, "workload";
        /// Resource acted upon.
        Resource = 7, "resource";
    }
}

vocabulary! {
    /// Where an expectation comes from.
    Basis {
        /// Somebody declared it.
        Declared = 1, "declared";
        /// It was learnt from past events.
        Observed = 2, "observed";
    }
}

vocabulary! {
    /// Whether an event fits what is expected of its identity.
    Verdict {
        /// Every dimension that could be compared fits.
        Expected = 1, "expected";
        /// At least one dimension does not fit.
        Unexpected = 2, "unexpected";
        /// Nothing is expected of this identity, or nothing could be compared.
        NoBaseline = 3, "no_baseline";
    }
}

vocabulary! {
    /// How bad a finding is.
    Severity {
        /// For information.
        Info = 1, "info";
        /// Low.
        Low = 2, "low";
        /// Medium.
        Medium = 3, "medium";
        /// High.
        High = 4, "high";
        /// Critical.
        Critical = 5, "critical";
    }
}

vocabulary! {
    /// How soon somebody should look at an event.
    Priority {
        /// For information.
        Info = 1, "info";
        /// Low.
        Low = 2, "low";
        /// Medium.
        Medium = 3, "medium";
        /// High.
        High = 4, "high";
        /// Critical.
        Critical = 5, "critical";
    }
}

vocabulary! {
    /// What a named network is.
    NetworkKind {
        /// Anything else.
        Other = 0, "other";
        /// Egress addresses of a workload.
        Egress = 1, "egress";
        /// An office or VPN.
        Office = 2, "office";
        /// A cloud provider's service range.
        Cloud = 3, "cloud";
        /// A third party's range.
        ThirdParty = 4, "third_party";
    }
}

vocabulary! {
    /// What a snapshot is in a stack of layers.
    LayerKind {
        /// A shard: covers scopes of its own.
        Shard = 1, "shard";
        /// An overlay: replaces identities and keys of the base that it names.
        Overlay = 2, "overlay";
    }
}

vocabulary! {
    /// How the bytes of an attached snapshot were checked.
    Integrity {
        /// Digest and signature were checked by this core.
        Verified = 1, "verified";
        /// The host says that it checked them.
        ByHost = 2, "by_host";
        /// Nobody checked them.
        Unverified = 3, "unverified";
    }
}
