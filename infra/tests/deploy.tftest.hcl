# Tests who can deploy, and the rights of that account.
mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
  mock_resource "google_certificate_manager_dns_authorization" {
    defaults = { dns_resource_record = [{ name = "_acme-challenge.wrpi.example.com.", type = "CNAME", data = "authorize.example." }] }
  }
  mock_resource "google_iam_workload_identity_pool" {
    defaults = { name = "projects/123456789012/locations/global/workloadIdentityPools/github" }
  }
}

variables {
  project         = "my-project"
  domain          = "wrpi.example.com"
  billing_account = "012345-6789AB-CDEF01"
  alert_email     = "on-call@example.com"
  repository      = "owner/name"
  repository_id   = "123456789"

  app_password          = "a password for the tests"
  app_password_previous = ""
}

run "only_release_tags_of_this_repository_can_deploy" {
  assert {
    condition = google_iam_workload_identity_pool_provider.github.attribute_condition == join(" && ", [
      "assertion.sub == 'repo:owner/name:environment:production'",
      "assertion.repository_id == '123456789'",
      "assertion.ref_type == 'tag'",
      "assertion.ref.startsWith('refs/tags/v')",
    ])
    error_message = "GitHub's tokens are trusted for more than release tags."
  }
  assert {
    condition     = google_service_account_iam_member.deployer.member == "principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/github/subject/repo:owner/name:environment:production"
    error_message = "Another repository can act as the deployer."
  }
}

run "the_deployer_can_only_connect_to_the_cluster" {
  assert {
    condition     = google_project_iam_custom_role.cluster_access.permissions == toset(["container.clusters.connect", "container.clusters.get"])
    error_message = "The deployer can do more in the project than connect to the cluster."
  }
  assert {
    condition     = google_project_iam_member.deployer.role == google_project_iam_custom_role.cluster_access.id
    error_message = "The deployer has a different role."
  }
}
