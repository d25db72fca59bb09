//! What looks like a key and is none, by format, with the reason: for people who ask.

use crate::vocabulary::Format;

const CLIENT: &str = "the client that carried a person's call: `via`, never the actor";
const NAME: &str = "a display name; names are reused, and an id stands beside it";
const PLACE: &str = "says where the event happened, not who acted";

/// JSON pointers of the format's paths, and why a value there may give no key.
pub(crate) const fn reasons(format: Format) -> &'static [(&'static str, &'static str)] {
    match format {
        Format::AwsCloudtrail => &[
            (
                "/userIdentity/arn",
                "names a session or an issued user: a session's ARN is never the role's, and it has lost the role's path",
            ),
            (
                "/userIdentity/principalId",
                "the session issuer's id stands beside it, or it is no unique id of IAM",
            ),
            (
                "/userIdentity/accessKeyId",
                "a temporary key leads by itself to nobody",
            ),
            (
                "/userIdentity/userName",
                "names are reused; the ARN and the unique id tell users apart",
            ),
            ("/userIdentity/accountId", PLACE),
            ("/recipientAccountId", PLACE),
            (
                "/requestParameters/roleArn",
                "a target only in calls that assume a role",
            ),
            (
                "/requestParameters/userName",
                "a target only in calls of IAM, as the ARN that a user of this name has without a path",
            ),
        ],
        Format::GcpAudit => &[
            (
                "/protoPayload/authenticationInfo/principalSubject",
                "says the same as the mail address beside it, or contradicts it",
            ),
            (
                "/resource/labels/email_id",
                "the resource of the call; a target only when it is a service account",
            ),
            (
                "/resource/labels/unique_id",
                "the resource of the call; a target only when it is a service account",
            ),
            ("/resource/labels/project_id", PLACE),
        ],
        Format::EntraSignin => &[
            ("/properties/appId", CLIENT),
            ("/properties/userPrincipalName", NAME),
            ("/tenantId", PLACE),
        ],
        Format::MsgraphActivity => &[
            ("/properties/appId", CLIENT),
            (
                "/properties/UserPrincipalObjectID",
                "the id of the service principal, which stands beside it",
            ),
            ("/tenantId", PLACE),
        ],
        Format::AzureActivity => &[
            (
                "/caller",
                "says the same as the token's claims, which are more exact",
            ),
            (
                "/identity/authorization/evidence/principalId",
                "whom the role is assigned to, which may be a group",
            ),
            ("/subscriptionId", PLACE),
        ],
        Format::AzureKeyvault => &[("/resourceId", PLACE)],
        Format::O365Ual => &[
            ("/OrganizationId", PLACE),
            ("/AppId", CLIENT),
            (
                "/ObjectId",
                "what was acted upon, in words of the workload; ids stand in Target",
            ),
        ],
        Format::K8sAudit => &[
            (
                "/user/extra/arn/0",
                "an assumed-role session; the role is in canonicalArn",
            ),
            (
                "/user/extra/accessKeyId/0",
                "a temporary key leads by itself to nobody",
            ),
            ("/objectRef/name", "the object of the call, not who called"),
        ],
        Format::GithubAudit => &[
            (
                "/actor",
                "no login: a deploy key or a deleted account stands here",
            ),
            ("/org", PLACE),
            ("/token_id", "0 means that no token was used"),
        ],
        Format::OktaSystemLog => &[
            (
                "/actor/alternateId",
                "no login: of an app it is the client id, of Okta itself a word",
            ),
            (
                "/transaction/detail/rootApiTokenId",
                "the token that made the token",
            ),
        ],
        Format::Ocsf => &[
            ("/actor/user/name", NAME),
            (
                "/actor/user/uid",
                "its meaning depends on product and version; here it is no key",
            ),
            ("/cloud/account/uid", PLACE),
        ],
        Format::Ecs => &[
            ("/user/name", NAME),
            (
                "/user/id",
                "its meaning depends on the module, whose own fields are read",
            ),
            (
                "/aws/cloudtrail/user_identity/arn",
                "names a session: its ARN is never the role's",
            ),
            ("/cloud/account/id", PLACE),
        ],
        _ => &[],
    }
}
