//! Members that entries of the GitHub API have, read or not. What is in none of these lists came later
//! and is counted. Repositories are left out: most of their members are links, and more come each year.

pub(super) const INSTALLATION: &[&str] = &[
    "id",
    "client_id",
    "account",
    "repository_selection",
    "access_tokens_url",
    "repositories_url",
    "html_url",
    "app_id",
    "app_slug",
    "target_id",
    "target_type",
    "permissions",
    "events",
    "created_at",
    "updated_at",
    "single_file_name",
    "has_multiple_single_files",
    "single_file_paths",
    "suspended_by",
    "suspended_at",
    "contact_email",
];

pub(super) const APP: &[&str] = &[
    "id",
    "client_id",
    "slug",
    "node_id",
    "owner",
    "name",
    "description",
    "external_url",
    "html_url",
    "created_at",
    "updated_at",
    "permissions",
    "events",
    "installations_count",
];

pub(super) const DEPLOY_KEY: &[&str] = &[
    "id",
    "key",
    "url",
    "title",
    "verified",
    "created_at",
    "read_only",
    "added_by",
    "last_used",
    "enabled",
    "repository",
];

pub(super) const TOKEN: &[&str] = &[
    "id",
    "owner",
    "repository_selection",
    "repositories_url",
    "permissions",
    "access_granted_at",
    "created_at",
    "reason",
    "token_id",
    "token_name",
    "token_expired",
    "token_expires_at",
    "token_last_used_at",
];

pub(super) const AUTHORIZATION: &[&str] = &[
    "login",
    "credential_id",
    "credential_type",
    "token_last_eight",
    "credential_authorized_at",
    "credential_accessed_at",
    "scopes",
    "fingerprint",
    "authorized_credential_id",
    "authorized_credential_title",
    "authorized_credential_note",
    "authorized_credential_expires_at",
];

pub(super) const MEMBER: &[&str] = &[
    "login",
    "id",
    "node_id",
    "avatar_url",
    "gravatar_id",
    "url",
    "html_url",
    "followers_url",
    "following_url",
    "gists_url",
    "starred_url",
    "subscriptions_url",
    "organizations_url",
    "repos_url",
    "events_url",
    "received_events_url",
    "type",
    "user_view_type",
    "site_admin",
    "name",
    "email",
    "starred_at",
];

pub(super) const WORKFLOW: &[&str] = &[
    "id",
    "node_id",
    "name",
    "path",
    "state",
    "created_at",
    "updated_at",
    "deleted_at",
    "url",
    "html_url",
    "badge_url",
    "repository",
];

pub(super) const ENVIRONMENT: &[&str] = &[
    "id",
    "node_id",
    "name",
    "url",
    "html_url",
    "created_at",
    "updated_at",
    "protection_rules",
    "deployment_branch_policy",
    "can_admins_bypass",
    "repository",
];

pub(super) const SECRET: &[&str] = &[
    "name",
    "created_at",
    "updated_at",
    "visibility",
    "selected_repositories_url",
    "repository",
    "environment",
    "organization",
];

pub(super) const TEMPLATE: &[&str] = &[
    "use_default",
    "include_claim_keys",
    "use_immutable_subject",
    "sub_claim_prefix",
    "repository",
    "organization",
];

pub(super) const WORKFLOW_PERMISSIONS: &[&str] = &[
    "default_workflow_permissions",
    "can_approve_pull_request_reviews",
    "repository",
];
