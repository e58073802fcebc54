# Tests the effects of the variables, and the values that they reject.
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

run "redis_runs_in_the_cluster_by_default" {
  assert {
    condition     = length(google_redis_instance.wrpi) == 0 && output.redis == null
    error_message = "Memorystore is on by default."
  }
}

run "memorystore_has_a_password_and_tls" {
  variables {
    memorystore = true
  }
  assert {
    condition     = google_redis_instance.wrpi[0].auth_enabled && google_redis_instance.wrpi[0].transit_encryption_mode == "SERVER_AUTHENTICATION"
    error_message = "Memorystore is open or not encrypted."
  }
  assert {
    condition     = google_redis_instance.wrpi[0].connect_mode == "PRIVATE_SERVICE_ACCESS"
    error_message = "Memorystore is not in the private network."
  }
  assert {
    condition     = output.redis.host == google_redis_instance.wrpi[0].host
    error_message = "The output does not contain the address of Memorystore."
  }
  assert {
    condition     = contains(local.services, "redis.googleapis.com")
    error_message = "The service redis.googleapis.com is not enabled."
  }
}

run "invalid_values_are_rejected" {
  command = plan
  variables {
    project                = "My_Project"
    region                 = "europe-west1-b"
    domain                 = "https://wrpi.example.com"
    billing_account        = "billingAccounts/012345-6789AB-CDEF01"
    monthly_budget         = 0
    alert_email            = "on-call"
    repository             = "https://github.com/owner/name"
    repository_id          = "owner/name"
    app_password           = "too short"
    app_password_previous  = "two\nlines"
    app_password_version   = 0
    redis_password_version = 1.5
  }
  expect_failures = [
    var.project,
    var.region,
    var.domain,
    var.billing_account,
    var.monthly_budget,
    var.alert_email,
    var.repository,
    var.repository_id,
    var.app_password,
    var.app_password_previous,
    var.app_password_version,
    var.redis_password_version,
  ]
}
