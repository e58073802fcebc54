# Tests who can read each password, and that no state contains one.
mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
  mock_resource "google_certificate_manager_dns_authorization" {
    defaults = { dns_resource_record = [{ name = "_acme-challenge.wrpi.example.com.", type = "CNAME", data = "authorize.example." }] }
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

run "each_account_reads_only_its_own_passwords" {
  assert {
    condition = toset([
      for grant in google_secret_manager_secret_iam_member.reader :
      "${grant.member} ${one([for name, secret in google_secret_manager_secret.wrpi : name if secret.id == grant.secret_id])}"
      ]) == toset([
      for grant in ["api app", "api app-previous", "api redis-api", "updater redis-updater", "redis redis-api", "redis redis-updater"] :
      "principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/my-project.svc.id.goog/subject/ns/wrpi/sa/${grant}"
    ])
    error_message = "Another account can read a password."
  }
  assert {
    condition     = alltrue([for grant in google_secret_manager_secret_iam_member.reader : grant.role == "roles/secretmanager.secretAccessor"])
    error_message = "An account can do more than read passwords."
  }
}

run "every_value_is_write_only" {
  assert {
    condition = alltrue([
      for version in concat(
        [google_secret_manager_secret_version.app, google_secret_manager_secret_version.app_previous],
        values(google_secret_manager_secret_version.redis),
      ) : version.secret_data_wo_version != null
    ])
    error_message = "The state contains a password."
  }
}

run "every_read_of_a_password_is_logged" {
  assert {
    condition     = [for log in google_project_iam_audit_config.secrets.audit_log_config : log.log_type] == ["DATA_READ"]
    error_message = "Reads of passwords are not logged."
  }
}
