# Only this repository's GitHub environment "production" can deploy, and only at a release tag. There is no key: GitHub
# issues a token for the job, and Google exchanges it for one hour of access as the account below.
#
# The condition does not test the claim "sub", because it has two forms: repo:OWNER/NAME:… and, for repositories created,
# renamed or transferred since July 2026, repo:OWNER@ID/NAME@ID:…. Each claim below has one form. The repository's ID
# never changes and is never reused.
resource "google_iam_workload_identity_pool" "github" {
  workload_identity_pool_id = "github-${time_static.installation.unix}"
  display_name              = "GitHub Actions"

  depends_on = [time_sleep.usable]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  workload_identity_pool_id          = google_iam_workload_identity_pool.github.workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  display_name                       = "Release tags"

  attribute_mapping = {
    "google.subject"          = "assertion.repository_id + ':' + assertion.environment" # at most 127 bytes
    "attribute.repository_id" = "assertion.repository_id"
  }
  attribute_condition = join(" && ", [
    "assertion.repository_id == '${var.repository_id}'",
    "assertion.environment == 'production'",
    "assertion.ref_type == 'tag'",
    "assertion.ref.startsWith('refs/tags/v')",
    "assertion.job_workflow_ref.endsWith('/.github/workflows/gke.yml@' + assertion.ref)",
  ])
  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account" "deployer" {
  account_id   = "wrpi-deployer"
  display_name = "WRPI deployer"

  depends_on = [time_sleep.usable]
}

resource "google_service_account_iam_member" "deployer" {
  service_account_id = google_service_account.deployer.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.github.name}/attribute.repository_id/${var.repository_id}"
}

# This role only gives access to the cluster. A RoleBinding in k8s/overlays/gke lets the account deploy to one namespace.
resource "google_project_iam_custom_role" "cluster_access" {
  role_id     = "wrpiClusterAccess_${time_static.installation.unix}"
  title       = "WRPI cluster access"
  description = "Connects to the cluster's control plane. Kubernetes RBAC decides what is allowed there."
  permissions = ["container.clusters.connect", "container.clusters.get"]

  depends_on = [time_sleep.usable]
}

resource "google_project_iam_member" "deployer" {
  project = var.project
  role    = google_project_iam_custom_role.cluster_access.id
  member  = google_service_account.deployer.member
}

# Lets the deployer look up the digest of a version.
resource "google_artifact_registry_repository_iam_member" "deployer" {
  for_each = local.repositories

  location   = each.value.location
  repository = each.value.repository_id
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.deployer.member
}
