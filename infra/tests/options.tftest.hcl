# Both variants can be applied, and wrong values are rejected. infra/offline has the rules for what is applied.
mock_provider "time" {}
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

run "without_memorystore" {
  assert {
    condition     = output.redis == null
    error_message = "Memorystore is on by default."
  }
}

run "with_memorystore" {
  variables {
    memorystore = true
  }
  assert {
    condition     = output.redis.host == google_redis_instance.wrpi[0].host
    error_message = "The output does not contain the address of Memorystore."
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
    app_password           = "nineteen characters"
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
