# Only this repository's GitHub environment "production" can deploy, and only at a release tag. There is no key: GitHub
# issues a token for the job, and Google exchanges it for one hour of access as the account below.
locals {
  deployment = "repo:${var.repository}:environment:production"
}

resource "google_iam_workload_identity_pool" "github" {
  workload_identity_pool_id = "github"
  display_name              = "GitHub Actions"

  depends_on = [google_project_service.needed]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  workload_identity_pool_id          = google_iam_workload_identity_pool.github.workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  display_name                       = "Release tags"

  attribute_mapping = {
    "google.subject" = "assertion.sub"
  }
  attribute_condition = join(" && ", [
    "assertion.sub == '${local.deployment}'",
    "assertion.repository_id == '${var.repository_id}'",
    "assertion.ref_type == 'tag'",
    "assertion.ref.startsWith('refs/tags/v')",
  ])
  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account" "deployer" {
  account_id   = "wrpi-deployer"
  display_name = "WRPI deployer"

  depends_on = [google_project_service.needed]
}

resource "google_service_account_iam_member" "deployer" {
  service_account_id = google_service_account.deployer.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.github.name}/subject/${local.deployment}"
}

# This role only gives access to the cluster. A RoleBinding in k8s/overlays/gke lets the account deploy to one namespace.
resource "google_project_iam_custom_role" "cluster_access" {
  role_id     = "wrpiClusterAccess"
  title       = "WRPI cluster access"
  description = "Connects to the cluster's control plane. Kubernetes RBAC decides what is allowed there."
  permissions = ["container.clusters.connect", "container.clusters.get"]

  depends_on = [google_project_service.needed]
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
